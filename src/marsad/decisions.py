"""Decisions: from what a model says of a document to what is reported of it.

A model's scores become probabilities, types are reported from their threshold on, and what is too
uncertain is withheld.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from marsad.calibration import Calibration
from marsad.document import Document, Entity, Event
from marsad.labels import scheme

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Judgement:
    """What a model says of a document before calibration and thresholds.

    The document's entities have the model's own scores, its sentences no events. ``events`` are
    scores of every type, ``realis`` the likeliest value's number, shapes (sentences, types); where
    the model reads no events both are 0. ``words`` are offsets, (words, 2), and ``outside`` is each
    word's probability of lying in no mention; empty where it reads no entities.
    """

    document: Document
    events: Floats
    realis: Ints
    words: Ints
    outside: Floats

    def decide(self, calibration: Calibration) -> Document:
        """Return the record that a reader with this calibration gives."""
        sentences = (
            replace(s, events=report_events(self.events[i], self.realis[i], calibration))
            for i, s in enumerate(self.document.sentences)
        )
        return withhold(
            replace(
                self.document,
                sentences=tuple(sentences),
                entities=calibrated(self.document.entities, calibration),
            ),
            calibration,
        )


def report_events(
    scores: npt.ArrayLike, realis: Ints, calibration: Calibration
) -> tuple[Event, ...]:
    """Return the types whose probability reaches their threshold; shapes (types,)."""
    names = scheme()
    probabilities = calibration.events(scores, names.event_names)
    return tuple(
        Event(names.event_names[i], names.realis_names[realis[i]], float(probabilities[i]))
        for i in np.flatnonzero(probabilities >= calibration.threshold_row)
    )


def calibrated(entities: Iterable[Entity], calibration: Calibration) -> tuple[Entity, ...]:
    """Return mentions with probabilities in place of the model's own scores."""
    given = list(entities)
    own = np.array([e.score for e in given], dtype=np.float64)
    scores = calibration.entities(own, [e.label for e in given])
    return tuple(replace(e, score=float(p)) for e, p in zip(given, scores, strict=True))


def withhold(document: Document, calibration: Calibration) -> Document:
    """Leave out what is too uncertain to be reported, and say so in the warnings."""
    level = calibration.abstain
    if not (level.entities or level.events):
        return document
    entities = tuple(e for e in document.entities if _sure(e.score, level.entities))
    sentences = tuple(
        replace(s, events=tuple(e for e in s.events if _sure(e.score, level.events)))
        for s in document.sentences
    )
    before, after = (sum(len(s.events) for s in side) for side in (document.sentences, sentences))
    left_out = {
        f"entities withheld below {level.entities:g}": len(document.entities) - len(entities),
        f"events withheld below {level.events:g}": before - after,
    }
    warnings = (f"{what}: {number}" for what, number in left_out.items() if number)
    return replace(
        document,
        entities=entities,
        sentences=sentences,
        warnings=(*(document.warnings or ()), *warnings),
    )


def _sure(score: float | None, level: float) -> bool:
    return score is None or score >= level
