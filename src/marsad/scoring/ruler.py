"""Rulers: which names are scored, and what the names of a system count as.

Annotation and predictions need not use the same names. A ruler brings both to one set of them
before anything is counted, so that the same predictions can be scored under our labels, rolled up
to the four of CoNLL-2003, or under those of a public corpus.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import numpy.typing as npt

from marsad.document import Document, Entity, Event, Sentence
from marsad.errors import DataError, did_you_mean
from marsad.labels import OUTSIDE, bio_tags, scheme
from marsad.spans import TagReading

Floats = npt.NDArray[np.float32]

# One type once per sentence: of several values the first here counts (guidelines, events).
_REALIS_ORDER = ("actual", "negated", "planned")


@dataclass(frozen=True)
class Ruler:
    """Names that are scored, and the names that count as one of them.

    ``entity_map`` and ``event_map`` lead from a name to the scored one, or to ``O`` where there is
    none; a side without any name is not scored. ``whole_tokens`` is for corpora that label tokens:
    mentions are widened to the white-space tokens that they touch, so that proclitics make no
    difference. ``realis`` says whether the annotation has it.
    """

    name: str
    entities: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    families: Mapping[str, str] = field(default_factory=dict)
    entity_map: Mapping[str, str] = field(default_factory=dict)
    event_map: Mapping[str, str] = field(default_factory=dict)
    whole_tokens: bool = False
    realis: bool = False

    def read(self, document: Document) -> Document:
        """Return the document under this ruler's names.

        Raises:
            DataError: a label is neither scored nor mapped.
        """
        entities = (self._entity(document, e) for e in document.entities if self.entities)
        kept = sorted((e for e in entities if e.label != OUTSIDE), key=lambda e: e.score or 0.0)
        once = {(e.start, e.end, e.label): e for e in kept}  # the surest of those on one span
        return replace(
            document,
            entities=tuple(once[place] for place in sorted(once)),
            sentences=tuple(self._sentence(document, s) for s in document.sentences),
        )

    def tag_reading(self) -> TagReading | None:
        """Return how a model's tags are to be read so that it answers in the scored labels.

        A label that sums up several of ours is as likely as all of them together, and the same goes
        for O and those that are not scored. None where labels are ours one by one, or none are.
        """
        own, names = scheme().tags, bio_tags(self.entities)
        if not self.entities or names == own:
            return None
        labels = {n: _target(n, self.entities, self.entity_map) for n in scheme().entity_names}
        if None in labels.values():
            return None
        read = [OUTSIDE if t == OUTSIDE else _tag(t[0], labels[t[2:]]) for t in own]
        return TagReading(names, np.array([[tag == name for name in names] for tag in read]))

    def event_columns(self, probabilities: Floats) -> Floats:
        """Return probabilities of the scored events, (sentences, events).

        An event for which several of our types count is as likely as the likeliest of them.

        Args:
            probabilities: of our own types, (sentences, types).
        """
        own = [_target(name, self.events, self.event_map) for name in scheme().event_names]
        columns = [np.flatnonzero([target == event for target in own]) for event in self.events]
        return np.stack([probabilities[:, chosen].max(axis=1) for chosen in columns], axis=1)

    def check_targets(self, names: Mapping[str, str]) -> None:
        """Check that what other names shall count as is scored, or ``O``.

        Raises:
            DataError: one is not.
        """
        for name, target in names.items():
            if target not in (*self.entities, OUTSIDE):
                raise DataError(
                    f"label {name}={target}: {target!r} is not scored"
                    f"{did_you_mean(target, self.entities)}; scored are {', '.join(self.entities)}"
                )

    def _entity(self, document: Document, entity: Entity) -> Entity:
        label = _target(entity.label, self.entities, self.entity_map)
        if label is None:
            raise DataError(
                f"document {document.id!r}: label {entity.label!r} is not scored"
                f"{did_you_mean(entity.label, self.entities)}; "
                f"say what it counts as with --label {entity.label}=NAME (O for nothing)"
            )
        span = (entity.start, entity.end)
        start, end = _widen(document.text, *span) if self.whole_tokens else span
        return Entity(start, end, label, entity.score)

    def _sentence(self, document: Document, sentence: Sentence) -> Sentence:
        events: dict[str, Event] = {}
        given = sentence.events if self.events else ()
        for event in sorted(given, key=lambda e: _REALIS_ORDER.index(e.realis)):
            name = _target(event.type, self.events, self.event_map)
            if name is None:
                raise DataError(f"document {document.id!r}: event {event.type!r} is not scored")
            if name != OUTSIDE:
                first = events.setdefault(name, replace(event, type=name))
                surest = max((first, event), key=lambda e: e.score or 0.0)
                events[name] = replace(first, score=surest.score)
        return replace(sentence, events=tuple(events.values()))


def _target(name: str, scored: Iterable[str], mapped: Mapping[str, str]) -> str | None:
    if name in mapped:
        return mapped[name]
    return name if name in scored else None


def _tag(kind: str, label: str | None) -> str:
    return OUTSIDE if label in (None, OUTSIDE) else f"{kind}-{label}"


def _widen(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span with the rest of the tokens that its edges cut."""
    while start and not text[start - 1].isspace():
        start -= 1
    while end < len(text) and not text[end].isspace():
        end += 1
    return start, end


@cache
def own_ruler() -> Ruler:
    """Return the ruler of the project's labels."""
    own = scheme()
    return Ruler("marsad", own.entity_names, own.event_names, own.family_of, realis=True)


@cache
def conll_ruler() -> Ruler:
    """Return the ruler of CoNLL-2003's four labels, which other corpora share."""
    names = tuple(dict.fromkeys(c for c in scheme().conll_of.values() if c != OUTSIDE))
    return Ruler("conll-4", entities=names, entity_map=scheme().conll_of)
