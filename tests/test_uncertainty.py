from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marsad.cli import run
from marsad.comparison import compare_systems
from marsad.document import Document, Sentence
from marsad.errors import DataError
from marsad.scoring import entity_counts, event_counts, score
from marsad.uncertainty import compare, interval_of, macro_f1, micro_f1


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


def test_figures_from_counts_are_the_scorers(documents: list[Document]):
    own = blurred(documents, 0.3)
    scores = score(documents, own, entities=True, events=True)
    for counts, part in (
        (entity_counts(documents, own), scores.entities),
        (event_counts(documents, own), scores.events),
    ):
        assert part is not None
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
        counts = np.stack([right, annotated, annotated], axis=-1)[:, None]
        interval = interval_of(counts, micro_f1)
        assert interval is not None
        hits += interval.low <= 0.7 <= interval.high
    assert hits >= 88


def test_few_documents_give_no_interval(documents: list[Document]):
    counts = entity_counts(documents[:9], documents[:9])
    assert interval_of(counts, micro_f1) is None


def test_a_real_difference_is_told_from_chance(documents: list[Document]):
    counts = [
        entity_counts(documents, blurred(documents, share, seed))
        for share, seed in ((0.2, 1), (0.2, 2), (0.5, 3))
    ]
    alike, apart = compare(counts[0], counts[1], micro_f1), compare(counts[0], counts[2], micro_f1)
    assert alike.p > 0.05
    assert alike.interval.low < 0 < alike.interval.high
    assert apart.p < 0.01
    assert 0 < apart.interval.low < apart.value < apart.interval.high


def test_a_system_does_not_differ_from_itself(documents: list[Document]):
    counts = event_counts(documents, blurred(documents, 0.2))
    difference = compare(counts, counts, macro_f1)
    assert (difference.value, difference.p) == (0, 1)


def test_counts_of_other_documents_are_refused(documents: list[Document]):
    counts = event_counts(documents, documents)
    with pytest.raises(ValueError, match="not of the same data"):
        compare(counts, counts[1:], micro_f1)


@pytest.fixture
def records(documents: list[Document], tmp_path: Path) -> dict[str, Path]:
    sides = {"gold": documents, "one": blurred(documents, 0.1), "other": blurred(documents, 0.4)}
    sides["short"] = documents[1:]
    sides["moved"] = [
        replace(d, sentences=(Sentence(d.sentences[0].start, d.sentences[-1].end),), entities=())
        for d in documents
    ]
    paths = {name: tmp_path / f"{name}.jsonl" for name in sides}
    for name, side in sides.items():
        lines = "".join(d.to_json() + "\n" for d in side)
        paths[name].write_text(lines, encoding="utf-8")
    return paths


def test_files_of_records_are_compared(records: dict[str, Path], capsys: pytest.CaptureFixture):
    assert run(["compare", *(str(records[name]) for name in ("one", "other", "gold"))]) == 0
    rows = compare_systems(records["one"], records["other"], records["gold"])
    assert [row.name for row in rows] == [
        "entities micro F1",
        "entities macro F1",
        "events micro F1",
        "events macro F1",
    ]
    assert all(row.difference.value == pytest.approx(row.one - row.other) for row in rows)
    assert f"{rows[0].difference.value:+.3f}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "reason"),
    [("short", "28 documents, 29 annotated"), ("moved", "sentences differ")],
)
def test_records_of_other_data_are_refused(records: dict[str, Path], name: str, reason: str):
    with pytest.raises(DataError, match=reason):
        compare_systems(records["one"], records[name], records["gold"])
