"""Decisions: from what a model says of a document to what is reported of it.

A model's scores become probabilities, types are reported from their threshold on, a family that is
likely enough is not left without a type, and what is too uncertain is withheld.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt

from marsad.calibration import Calibration, family_names
from marsad.document import SCORE_DIGITS, Document, Entity, Event
from marsad.labels import scheme

Floats = npt.NDArray[np.float32]
Probabilities = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


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
    """Return the events of a sentence, see :func:`decide_types`; shapes (types,)."""
    names = scheme()
    probabilities = calibration.events(scores, names.event_names)
    return tuple(
        Event(names.event_names[i], names.realis_names[realis[i]], float(probabilities[i]))
        for i in np.flatnonzero(decide_types(probabilities, calibration))
    )


def decide_types(probabilities: Probabilities, calibration: Calibration) -> Bools:
    """Return which types are reported, from their calibrated probabilities.

    A type is where its probability reaches its threshold. Where no type of a family does, but the
    family's probability reaches the family's threshold, its most probable type is.

    Args:
        probabilities: (..., types), as is what is returned.
        calibration: the thresholds.
    """
    reported = probabilities >= calibration.threshold_row
    likely = family_probabilities(probabilities) >= calibration.family_row
    best = likeliest_types(probabilities)
    claims = np.take_along_axis(reported, best, axis=-1) | (likely & ~families_of(reported))
    np.put_along_axis(reported, best, claims, axis=-1)
    return reported


def family_probabilities(probabilities: Probabilities) -> Probabilities:
    """Return how likely a sentence reports any type of each family, (..., families).

    A noisy-or (Pearl 1988, "Probabilistic Reasoning in Intelligent Systems", section 4.3.2): as if
    the types were independent, 1 less the product of what each leaves.
    """
    left: Probabilities = np.where(_members(), 1 - probabilities[..., None, :], 1.0).prod(axis=-1)
    return 1 - left


def likeliest_types(probabilities: Probabilities) -> Ints:
    """Return the number of each family's most probable type, the first of equals; (..., families).

    No two families share a type.
    """
    best: Ints = np.where(_members(), probabilities[..., None, :], -1.0).argmax(axis=-1)
    return best


def families_of(types: Bools) -> Bools:
    """Return which families have one of the types, (..., families)."""
    having: Bools = np.any(types[..., None, :] & _members(), axis=-1)
    return having


@cache
def _members() -> Bools:
    """Return which types each family has, (families, types)."""
    own = scheme().family_of
    return np.array([[own[name] == family for name in own] for family in family_names()])


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
    if score is None or level >= 1:
        return score is None or score >= level
    return round(score, SCORE_DIGITS) >= round(level, SCORE_DIGITS)  # as a record shows it
