from dataclasses import replace

import numpy as np
import pytest

from marsad.document import Document
from marsad.scoring import own_ruler, score
from marsad.scoring.entities import paired
from marsad.scoring.events import event_counts
from marsad.scoring.matching import entity_counts
from marsad.scoring.uncertainty import Counts, compare, f1, intervals_of, macro_f1, micro_f1

RULER = own_ruler()


def blurred(documents: list[Document], share: float, seed: int = 0) -> list[Document]:
    """Drop about a share of mentions and events."""
    rng = np.random.default_rng(seed)
    return [
        replace(
            d,
            entities=tuple(e for e in d.entities if rng.random() > share),
            sentences=tuple(
                replace(s, events=tuple(e for e in s.events if rng.random() > share))
                for s in d.sentences
            ),
        )
        for d in documents
    ]


def mentions(gold: list[Document], own: list[Document]) -> Counts:
    return entity_counts(paired(gold, own), RULER.entities, "strict")


def types(gold: list[Document], own: list[Document]) -> Counts:
    return event_counts(gold, own, RULER.events)


def test_figures_from_counts_are_the_scorers(documents: list[Document]):
    own = blurred(documents, 0.3)
    scores = score(documents, own, entities=True, events=True)
    for counts, part in (
        (mentions(documents, own), scores.tables["entities"]),
        (types(documents, own), scores.tables["events"]),
    ):
        assert float(micro_f1(counts.sum(axis=0))) == pytest.approx(part.micro.f1)
        assert float(macro_f1(counts.sum(axis=0))) == pytest.approx(part.macro_f1)
        assert part.micro_interval is not None
        assert part.micro_interval.low < part.micro.f1 < part.micro_interval.high


def test_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(100):
        annotated = rng.integers(5, 40, 40)
        right = rng.binomial(annotated, 0.7)
        counts = np.stack([right, annotated, right, annotated], axis=-1)[:, None].astype(float)
        (interval,) = intervals_of(counts, micro_f1)
        assert interval is not None
        hits += interval.low <= 0.7 <= interval.high
    assert hits >= 88


def test_few_documents_give_no_interval(documents: list[Document]):
    counts = mentions(documents[:9], documents[:9])
    assert intervals_of(counts, micro_f1, macro_f1) == (None, None)


def test_f1_is_the_harmonic_mean_and_0_over_nothing():
    counts = np.array([[3, 4, 2, 8], [0, 5, 0, 0], [0, 0, 0, 0]], dtype=float)
    assert f1(counts).tolist() == pytest.approx([2 * 0.75 * 0.25 / (0.75 + 0.25), 0, 0])


def test_a_real_difference_is_told_from_chance(documents: list[Document]):
    counts = [
        mentions(documents, blurred(documents, share, seed))
        for share, seed in ((0.2, 1), (0.2, 2), (0.5, 3))
    ]
    alike, apart = compare(counts[0], counts[1], micro_f1), compare(counts[0], counts[2], micro_f1)
    assert alike.p > 0.05
    assert alike.interval.low < 0 < alike.interval.high
    assert apart.p < 0.01
    assert 0 < apart.interval.low < apart.value < apart.interval.high


def test_a_system_does_not_differ_from_itself(documents: list[Document]):
    counts = types(documents, blurred(documents, 0.2))
    difference = compare(counts, counts, macro_f1)
    assert (difference.value, difference.p) == (0, 1)


def test_counts_of_other_documents_are_refused(documents: list[Document]):
    counts = types(documents, documents)
    with pytest.raises(ValueError, match="not of the same data"):
        compare(counts, counts[1:], micro_f1)
