"""Scores of predictions against annotated documents.

Entities count as right when start, end and label all equal an annotated mention's (strict). Events
are sets of types per sentence. Micro figures pool all decisions; macro figures are means over the
labels that the annotation holds.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from seqeval.metrics import f1_score as seqeval_f1
from seqeval.scheme import IOB2
from sklearn.metrics import precision_recall_fscore_support
from sklearn.preprocessing import MultiLabelBinarizer

from marsad.document import Document
from marsad.errors import DataError
from marsad.labels import scheme
from marsad.mistakes import Kind, count_mistakes
from marsad.spans import tag_words
from marsad.text.words import find_words
from marsad.uncertainty import Counts, Interval, interval_of, macro_f1, micro_f1

SCORER_VERSION = 2


@dataclass(frozen=True)
class Score:
    """Precision, recall and F1, with the annotated (support) and predicted counts."""

    precision: float
    recall: float
    f1: float
    support: int
    predicted: int

    @classmethod
    def of_counts(cls, *, right: int, support: int, predicted: int) -> "Score":
        """Score from counts; a ratio over nothing is 0."""
        precision = right / predicted if predicted else 0.0
        recall = right / support if support else 0.0
        total = precision + recall
        return cls(
            precision, recall, 2 * precision * recall / total if total else 0.0, support, predicted
        )


@dataclass(frozen=True)
class EntityScores:
    """Strict span scores, seqeval's token-level strict F1 beside them, and mistakes by kind.

    Intervals are None where there are too few documents.
    """

    micro: Score
    macro_f1: float
    micro_interval: Interval | None
    macro_interval: Interval | None
    per_label: Mapping[str, Score]
    seqeval_f1: float
    mistakes: Mapping[Kind, int]


@dataclass(frozen=True)
class EventScores:
    """Scores of event types per sentence, of families, and of realis.

    ``realis_accuracy`` is over types that were rightly found; ``with_realis_micro`` counts a type
    as right only with its realis.
    """

    micro: Score
    macro_f1: float
    micro_interval: Interval | None
    macro_interval: Interval | None
    per_type: Mapping[str, Score]
    per_family: Mapping[str, Score]
    exact_set_accuracy: float
    realis_accuracy: float
    realis_support: int
    with_realis_micro: Score
    sentences: int


@dataclass(frozen=True)
class Scores:
    """All scores of one set of predictions; a part that the model does not predict is None."""

    entities: EntityScores | None
    events: EventScores | None
    documents: int

    @property
    def overall(self) -> float:
        """Mean of entity micro F1 and event micro F1: what model selection maximises."""
        parts = [part.micro.f1 for part in (self.entities, self.events) if part is not None]
        return float(np.mean(parts))

    @property
    def never_predicted(self) -> list[str]:
        """Labels and types that the annotation holds and the model never predicted."""
        tables = [self.entities.per_label] if self.entities else []
        tables += [self.events.per_type] if self.events else []
        return [n for table in tables for n, s in table.items() if s.support and not s.predicted]


def score(
    gold: Sequence[Document], predicted: Sequence[Document], *, entities: bool, events: bool
) -> Scores:
    """Score predictions on the same documents, in the same order.

    Raises:
        DataError: the documents or their sentences differ.
    """
    check_same(gold, predicted)
    return Scores(
        entities=score_entities(gold, predicted) if entities else None,
        events=score_events(gold, predicted) if events else None,
        documents=len(gold),
    )


def check_same(gold: Sequence[Document], predicted: Sequence[Document]) -> None:
    """Check that predictions are on the annotated documents and their sentences, in this order.

    Raises:
        DataError: they are not.
    """
    if len(gold) != len(predicted):
        raise DataError(f"{len(predicted)} documents, {len(gold)} annotated; score the same texts")
    for a, b in zip(gold, predicted, strict=True):
        if a.id != b.id or a.text != b.text:
            raise DataError(f"document {b.id!r}: not the annotated {a.id!r}; score the same texts")
        if [(s.start, s.end) for s in a.sentences] != [(s.start, s.end) for s in b.sentences]:
            raise DataError(f"document {a.id!r}: sentences differ; predict on the annotated ones")


def score_entities(gold: Sequence[Document], predicted: Sequence[Document]) -> EntityScores:
    """Score mentions by exact span and label."""
    counts = entity_counts(gold, predicted)
    per_label = {
        name: _score(*own)
        for name, own in zip(scheme().entity_names, counts.sum(axis=0).tolist(), strict=True)
    }
    return EntityScores(
        micro=_score(*counts.sum(axis=(0, 1)).tolist()),
        macro_f1=_mean_f1(per_label),
        micro_interval=interval_of(counts, micro_f1),
        macro_interval=interval_of(counts, macro_f1),
        per_label=per_label,
        seqeval_f1=_seqeval_f1(gold, predicted),
        mistakes=count_mistakes(gold, predicted),
    )


def entity_counts(gold: Sequence[Document], predicted: Sequence[Document]) -> Counts:
    """Count right, annotated and claimed mentions: shape (documents, labels, 3)."""
    names = scheme().entity_names
    pairs = (
        ([(e.label, e.start, e.end) for e in doc.entities] for doc in both)
        for both in zip(gold, predicted, strict=True)
    )
    return np.array([_count(names, set(a), set(b)) for a, b in pairs]).reshape(-1, len(names), 3)


def event_counts(gold: Sequence[Document], predicted: Sequence[Document]) -> Counts:
    """Count right, annotated and claimed types of sentences: shape (documents, types, 3)."""
    names = scheme().event_names
    pairs = (
        ([(e.type, i) for i, s in enumerate(doc.sentences) for e in s.events] for doc in both)
        for both in zip(gold, predicted, strict=True)
    )
    return np.array([_count(names, set(a), set(b)) for a, b in pairs]).reshape(-1, len(names), 3)


def _count(
    names: Sequence[str], gold: set[tuple[Any, ...]], own: set[tuple[Any, ...]]
) -> list[list[int]]:
    """Count, for each name, what both sets hold, what gold holds and what own holds."""
    tallies = [Counter(name for name, *_ in decisions) for decisions in (gold & own, gold, own)]
    return [[tally[name] for tally in tallies] for name in names]


def _score(right: int, support: int, predicted: int) -> Score:
    return Score.of_counts(right=right, support=support, predicted=predicted)


def _mean_f1(table: Mapping[str, Score]) -> float:
    supported = [s.f1 for s in table.values() if s.support]
    return float(np.mean(supported)) if supported else 0.0


def _seqeval_f1(gold: Sequence[Document], predicted: Sequence[Document]) -> float:
    """Token-level strict IOB2 F1: blind to proclitics, as published figures are."""
    tags = [[_tag_names(doc) for doc in docs] for docs in (gold, predicted)]
    if not any(tag != "O" for docs in tags for doc in docs for tag in doc):
        return 0.0  # seqeval fails where nothing is tagged
    return float(seqeval_f1(*tags, mode="strict", scheme=IOB2, zero_division=0))


def _tag_names(doc: Document) -> list[str]:
    names = scheme().tags
    tags, _ = tag_words(doc.text, find_words(doc.text), doc.entities, names)
    return [names[tag] for tag in tags.tags]


def score_events(gold: Sequence[Document], predicted: Sequence[Document]) -> EventScores:
    """Score event types as sets per sentence; both sides must have the same sentences."""
    pairs = [
        pair
        for a, b in zip(gold, predicted, strict=True)
        for pair in zip(a.sentences, b.sentences, strict=True)
    ]
    gold_sets = [{e.type: e.realis for e in a.events} for a, _ in pairs]
    own_sets = [{e.type: e.realis for e in b.events} for _, b in pairs]
    names = scheme().event_names
    families = tuple(f.name for f in scheme().families)
    family_of = scheme().family_of
    per_type = _score_sets(names, gold_sets, own_sets)
    found = [(g[t], o[t]) for g, o in zip(gold_sets, own_sets, strict=True) for t in g if t in o]
    right_realis = sum(a == b for a, b in found)
    counts = event_counts(gold, predicted)
    return EventScores(
        micro_interval=interval_of(counts, micro_f1),
        macro_interval=interval_of(counts, macro_f1),
        micro=_micro(gold_sets, own_sets),
        macro_f1=_mean_f1(per_type),
        per_type=per_type,
        per_family=_score_sets(
            families,
            [{family_of[t] for t in g} for g in gold_sets],
            [{family_of[t] for t in o} for o in own_sets],
        ),
        exact_set_accuracy=_share(
            sum(set(g) == set(o) for g, o in zip(gold_sets, own_sets, strict=True)), len(pairs)
        ),
        realis_accuracy=_share(right_realis, len(found)),
        realis_support=len(found),
        with_realis_micro=_micro([g.items() for g in gold_sets], [o.items() for o in own_sets]),
        sentences=len(pairs),
    )


def _score_sets(
    names: Sequence[str], gold: Sequence[Iterable[str]], own: Sequence[Iterable[str]]
) -> dict[str, Score]:
    binarizer = MultiLabelBinarizer(classes=names).fit([])
    truth, claim = binarizer.transform(gold), binarizer.transform(own)
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, claim, average=None, zero_division=0.0
    )
    claimed = claim.sum(axis=0)
    return {
        name: Score(
            float(precision[i]), float(recall[i]), float(f1[i]), int(support[i]), int(claimed[i])
        )
        for i, name in enumerate(names)
    }


def _micro(gold: Sequence[Iterable[Any]], own: Sequence[Iterable[Any]]) -> Score:
    pairs = [(set(g), set(o)) for g, o in zip(gold, own, strict=True)]
    return Score.of_counts(
        right=sum(len(g & o) for g, o in pairs),
        support=sum(len(g) for g, _ in pairs),
        predicted=sum(len(o) for _, o in pairs),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
