"""Scores of events: types as sets per sentence, families, ranking, and realis."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from marsad.document import Document, Event
from marsad.labels import scheme
from marsad.scoring.ruler import Ruler
from marsad.scoring.tables import Table
from marsad.scoring.uncertainty import Counts

Floats = npt.NDArray[np.float32]
Keys = Callable[[Event], tuple[str, ...]]  # the name it counts under, and its realis if that counts


class _Decision(NamedTuple):
    sentence: int
    name: str
    realis: str = ""


@dataclass(frozen=True)
class Ranking:
    """How well sentences are ranked by the probability of a type.

    ``chance`` is the share of sentences that report it: what a random order would reach.
    """

    average_precision: float
    support: int
    chance: float


@dataclass(frozen=True)
class RealisScores:
    """Realis: given that the type was found, and of type and realis together.

    ``accuracy`` is over the ``support`` types that were rightly found; ``confusion`` counts them,
    annotated value first. ``end_to_end`` counts a type as right only with its realis.
    """

    accuracy: float
    support: int
    confusion: Mapping[str, Mapping[str, int]]
    end_to_end: Table


@dataclass(frozen=True)
class EventScores:
    """Scores of types and families.

    ``ranking`` is None where a system gave no probabilities, ``realis`` where it is not annotated.
    """

    types: Table
    families: Table | None
    exact_set_accuracy: float
    sentences: int
    ranking: Mapping[str, Ranking] | None
    realis: RealisScores | None


def score_events(
    gold: Sequence[Document],
    own: Sequence[Document],
    *,
    ruler: Ruler,
    probabilities: Sequence[Floats] | None = None,
) -> EventScores:
    """Score event types as sets per sentence; both sides must have the same sentences.

    Args:
        gold: annotated documents, under the ruler's names.
        own: the same documents as predicted.
        ruler: whose event names are scored.
        probabilities: of each document, (sentences, names); they need no threshold.
    """
    families = tuple(dict.fromkeys(ruler.families.values()))
    sets = [[{e.type for e in s.events} for d in side for s in d.sentences] for side in (gold, own)]
    right = sum(a == b for a, b in zip(*sets, strict=True))
    return EventScores(
        types=Table.of(event_counts(gold, own, ruler.events), ruler.events),
        families=Table.of(
            _count(gold, own, families, lambda e: (ruler.families[e.type],)), families
        )
        if families
        else None,
        exact_set_accuracy=right / max(len(sets[0]), 1),
        sentences=len(sets[0]),
        ranking=rank(sets[0], np.concatenate(probabilities), ruler.events)
        if probabilities
        else None,
        realis=score_realis(gold, own, ruler.events) if ruler.realis else None,
    )


def event_counts(gold: Sequence[Document], own: Sequence[Document], names: Sequence[str]) -> Counts:
    """Count types of sentences: shape (documents, names, 4), see uncertainty."""
    return _count(gold, own, names, lambda event: (event.type,))


def end_to_end_counts(
    gold: Sequence[Document], own: Sequence[Document], names: Sequence[str]
) -> Counts:
    """Count types with their realis: shape (documents, names, 4), see uncertainty."""
    return _count(gold, own, names, lambda event: (event.type, event.realis))


def rank(
    gold: Sequence[set[str]], probabilities: Floats, names: Sequence[str]
) -> dict[str, Ranking]:
    """Rank sentences by the probability of each type that the annotation holds.

    Args:
        gold: the types of each sentence.
        probabilities: (sentences, names).
        names: the types, in the order of the columns.
    """
    # Here, since a record of scores is read without the packages that make one.
    from sklearn.metrics import average_precision_score

    rankings = {}
    for column, name in enumerate(names):
        truth = np.array([name in types for types in gold])
        if truth.any():
            precision = average_precision_score(truth, probabilities[:, column])
            rankings[name] = Ranking(float(precision), int(truth.sum()), float(truth.mean()))
    return rankings


def score_realis(
    gold: Sequence[Document], own: Sequence[Document], names: Sequence[str]
) -> RealisScores:
    """Score the realis of types that were found, and types with their realis."""
    found = list(_found_together(gold, own))
    counts = Counter(found)
    values = scheme().realis_names
    return RealisScores(
        accuracy=sum(a == b for a, b in found) / max(len(found), 1),
        support=len(found),
        confusion={a: {b: counts[a, b] for b in values} for a in values},
        end_to_end=Table.of(end_to_end_counts(gold, own, names), names),
    )


def _found_together(gold: Sequence[Document], own: Sequence[Document]) -> Iterable[tuple[str, str]]:
    for a, b in zip(gold, own, strict=True):
        for one, two in zip(a.sentences, b.sentences, strict=True):
            claimed = {event.type: event.realis for event in two.events}
            yield from ((e.realis, claimed[e.type]) for e in one.events if e.type in claimed)


def _count(
    gold: Sequence[Document], own: Sequence[Document], names: Sequence[str], keys: Keys
) -> Counts:
    """Count what both sides hold under each name, a name once per sentence and key."""
    column = {name: i for i, name in enumerate(names)}
    counts = np.zeros((len(gold), len(names), 4))
    for row, *documents in zip(counts, gold, own, strict=True):
        truth, claim = (
            {_Decision(i, *keys(e)) for i, s in enumerate(d.sentences) for e in s.events}
            for d in documents
        )
        for decision in truth:
            row[column[decision.name], 1] += 1
        for decision in claim:
            row[column[decision.name], 3] += 1
        for decision in truth & claim:
            row[column[decision.name], [0, 2]] += 1
    return counts
