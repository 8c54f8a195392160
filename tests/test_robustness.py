from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from marsad.document import Document
from marsad.fairness import FEWEST, fairness_gaps
from marsad.metrics import Change, StressResult
from marsad.robustness import stress_model
from marsad.stress import STRESSES


@pytest.fixture(scope="module")
def some(documents: list[Document]) -> list[Document]:
    return documents[:6]


class Echo:
    """Says of every version what is annotated in it."""

    def pipe(self, documents: Iterable[Document]) -> Iterator[Document]:
        yield from documents


class OldTextAlone:
    """Knows the documents as they were, and finds nothing in any other."""

    def __init__(self, documents: list[Document]) -> None:
        self.texts = {document.text for document in documents}

    def pipe(self, documents: Iterable[Document]) -> Iterator[Document]:
        for d in documents:
            silent = tuple(replace(s, events=()) for s in d.sentences)
            yield d if d.text in self.texts else replace(d, entities=(), sentences=silent)


def test_a_model_that_reads_every_version_right_loses_nothing(some: list[Document]):
    results = stress_model(Echo(), some)
    assert {"vocalised", "typos", "no_punctuation"} <= set(results)
    for name, result in results.items():
        assert result.kind == STRESSES[name].kind
        assert result.entities is not None
        assert (result.entities.before, result.entities.after, result.entities.flips) == (1, 1, 0)
        if result.events and result.kind == "invariant":
            assert (result.events.before, result.events.after, result.events.flips) == (1, 1, 0)


def test_a_model_that_reads_the_old_text_alone_loses_all(some: list[Document]):
    result = stress_model(OldTextAlone(some), some)["typos"]
    assert result.entities is not None
    assert (result.entities.before, result.entities.after, result.entities.flips) == (1, 0, 1)
    assert result.changed is not None
    assert (result.changed.before, result.changed.after) == (1, 0)
    assert result.events is not None
    assert result.events.after == 0
    assert 0 < result.events.flips <= 1


def test_only_rewritten_sentences_count(some: list[Document]):
    result = stress_model(Echo(), some)["digits"]
    with_digits = [
        sentence
        for document in some
        for sentence in document.sentences
        if any(c.isdigit() for c in document.text[sentence.start : sentence.end])
    ]
    assert 0 < result.sentences <= len(with_digits)
    assert result.entities is not None
    assert result.entities.support < sum(len(d.entities) for d in some)


def test_a_model_of_one_task_is_stressed_in_that_alone(some: list[Document]):
    for task, none, given in (("ner", "events", "entities"), ("events", "entities", "events")):
        result = stress_model(Echo(), some, task=task)["typos"]
        assert getattr(result, none) is None
        assert getattr(result, given) is not None
        assert (result.changed is None) == (task == "events")


def recalled(group: str, after: float, mentions: int = 50) -> StressResult:
    change = Change(0.9, after, mentions, 0.1, mentions)
    return StressResult("", "invariant", group, 10, None, change, None)


def test_gap_is_between_the_groups_read_best_and_worst():
    results = {
        "names_a": recalled("a", 0.9),
        "names_b": recalled("b", 0.6),
        "names_c": recalled("c", 0.7, mentions=40),
        "groups_a": recalled("a", 0.5),
        "groups_b": recalled("b", 0.5, mentions=FEWEST - 1),
    }
    gaps = fairness_gaps(results)
    assert set(gaps) == {"names"}  # a group with few mentions says nothing of its kind
    gap = gaps["names"]
    assert (gap.value, gap.best, gap.worst, gap.mentions) == (pytest.approx(0.3), "a", "b", 40)


def test_chance_alone_makes_a_gap():
    """Of 14 groups with 50 mentions, all read with recall 0.7, the widest two differ by 0.2."""
    results = {f"names_{i}": recalled(str(i), 0.7) for i in range(14)}
    gap = fairness_gaps(results)["names"]
    assert gap.value == 0
    assert 0.2 < gap.by_chance < 0.4
