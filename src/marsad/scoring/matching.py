"""Mentions of two sides set against each other, and the four ways of SemEval-2013 to count them.

Segura-Bedmar et al. 2013, "SemEval-2013 Task 9: Extraction of Drug-Drug Interactions", section 4:

- ``strict``: start, end and label are equal;
- ``exact``: start and end are;
- ``partial``: they overlap; half a point where start or end differs;
- ``type``: they overlap and the label is equal.

Mentions are paired once, one to one, the best pairs first, and every way of counting reads the same
pairs. So no figure depends on the order in which mentions are listed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from marsad.document import Document, Entity, place_of
from marsad.scoring.uncertainty import Counts

Mode = Literal["strict", "exact", "partial", "type"]
MODES: tuple[Mode, ...] = get_args(Mode)


class Pair(NamedTuple):
    """An annotated and a predicted mention that overlap; one of both is None where nothing does."""

    gold: Entity | None
    own: Entity | None

    @property
    def same_label(self) -> bool:
        """Whether both are there and bear one label."""
        return bool(self.gold and self.own and self.gold.label == self.own.label)

    @property
    def same_span(self) -> bool:
        """Whether both are there and have the same edges."""
        return bool(
            self.gold
            and self.own
            and (self.gold.start, self.gold.end) == (self.own.start, self.own.end)
        )


# The points that a pair of overlapping mentions is worth.
_POINTS: Mapping[Mode, Callable[[Pair], float]] = {
    "strict": lambda pair: float(pair.same_label and pair.same_span),
    "exact": lambda pair: float(pair.same_span),
    "partial": lambda pair: 1.0 if pair.same_span else 0.5,
    "type": lambda pair: float(pair.same_label),
}


def pair_mentions(gold: Document, own: Document) -> list[Pair]:
    """Pair the mentions of two versions of a document; every mention is in one pair.

    Pairs with equal edges and label come first, then equal edges, then equal labels, then any
    overlap, each from the start of the text.
    """
    candidates = [Pair(a, b) for a, b in _overlaps(gold.entities, own.entities)]
    candidates.sort(key=lambda pair: (not pair.same_span, not pair.same_label))  # stable
    pairs: list[Pair] = []
    golds: set[Entity | None] = set()
    owns: set[Entity | None] = set()
    for pair in candidates:
        if pair.gold not in golds and pair.own not in owns:
            pairs.append(pair)
            golds.add(pair.gold)
            owns.add(pair.own)
    pairs += [Pair(entity, None) for entity in gold.entities if entity not in golds]
    pairs += [Pair(None, entity) for entity in own.entities if entity not in owns]
    return pairs


def _overlaps(gold: Sequence[Entity], own: Sequence[Entity]) -> Iterator[tuple[Entity, Entity]]:
    """Yield overlapping mentions in the order of the text."""
    rest = sorted(own, key=place_of)
    longest = max((e.end - e.start for e in rest), default=0)
    starts = np.array([e.start for e in rest])
    for entity in sorted(gold, key=place_of):
        first = int(np.searchsorted(starts, entity.start - longest))
        last = int(np.searchsorted(starts, entity.end))
        yield from ((entity, other) for other in rest[first:last] if other.end > entity.start)


def entity_counts(pairs: Sequence[Sequence[Pair]], names: Sequence[str], mode: Mode) -> Counts:
    """Count mentions of each document's pairs: shape (documents, names, 4), see uncertainty.

    An annotated mention counts under its own label, and so does a predicted one.
    """
    points = _POINTS[mode]
    column = {name: i for i, name in enumerate(names)}
    counts = np.zeros((len(pairs), len(names), 4))
    for row, document in zip(counts, pairs, strict=True):
        for pair in document:
            worth = points(pair) if pair.gold and pair.own else 0.0
            if pair.gold:
                row[column[pair.gold.label], :2] += worth, 1
            if pair.own:
                row[column[pair.own.label], 2:] += worth, 1
    return counts
