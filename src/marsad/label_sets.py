"""Label sets: what an annotation leaves possible, numbered.

An annotation of our own scheme leaves one tag possible at a word. One of a corpus with coarser or
fewer labels leaves several: its LOC may be GPE, LOC or FAC, and its O any label that it does not
annotate. Models learn from either by the probability of the whole set (marginal likelihood).
numpy only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from marsad.labels import OUTSIDE, Scheme, Source, scheme

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class LabelSets:
    """All sets that training targets refer to by number.

    ``tags`` has shape (sets, tags); the first sets are the single tags, in the order of
    :attr:`Scheme.tags`. ``tag_set`` gives, for a source's name, the set of each of its own tags.
    ``anything`` is the set of all tags, which says nothing of a word but that there is one.
    ``groups`` has shape (groups, event types): classes of other corpora that are any of our types.
    ``group`` gives, for a source's name, the number of each of its event classes.
    """

    tags: Bools
    tag_set: Mapping[str, Ints]
    anything: int
    groups: Bools
    group: Mapping[str, Mapping[str, int]]


@cache
def label_sets() -> LabelSets:
    """Return the sets of the project's own scheme."""
    return number_sets(scheme())


def number_sets(own: Scheme) -> LabelSets:
    """Return the sets that a scheme and its sources make."""
    numbers: dict[tuple[str, ...], int] = {(tag,): i for i, tag in enumerate(own.tags)}
    tag_set = {
        name: np.array([numbers.setdefault(s, len(numbers)) for s in _sets_of(source, own)])
        for name, source in own.sources.items()
    }
    anything = numbers.setdefault(own.tags, len(numbers))
    classes = [(name, c) for name, source in own.sources.items() for c in source.events]
    group: dict[str, dict[str, int]] = {name: {} for name in own.sources}
    for number, (name, event_class) in enumerate(classes):
        group[name][event_class] = number
    members = (own.sources[name].events[event_class] for name, event_class in classes)
    return LabelSets(
        tags=_membership(numbers, own.tags),
        tag_set=tag_set,
        anything=anything,
        groups=_membership(members, own.event_names),
        group=group,
    )


def _sets_of(source: Source, own: Scheme) -> Iterable[tuple[str, ...]]:
    """Yield, for each tag of a source, the tags of ours that it may be."""
    annotated = {label for labels in source.entities.values() for label in labels}
    for tag in source.tags:
        kind, _, label = tag.partition("-")
        if tag == OUTSIDE:
            yield tuple(t for t in own.tags if t.partition("-")[2] not in annotated)
        else:
            labels = source.entities[label]
            yield tuple(f"{kind}-{name}" for name in labels) if labels else own.tags


def _membership(sets: Iterable[Iterable[str]], names: tuple[str, ...]) -> Bools:
    rows = [[name in members for name in names] for members in map(set, sets)]
    return np.array(rows, dtype=bool).reshape(-1, len(names))
