"""Benchmarks by name, and the real ones where they are at hand."""

import os
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from marsad.benchmarks import (
    PUBLIC,
    PUBLICATIONS,
    SOURCE_VARIABLE,
    TRAINING,
    Annotated,
    Benchmark,
    open_benchmark,
    open_training,
)
from marsad.document import Document, Entity, Event, Sentence
from marsad.errors import DataError
from marsad.files import sha256
from marsad.labels import scheme
from marsad.scoring import own_ruler
from tests.conftest import CORPUS
from tests.predictions.systems import write

GSR = "public:event_gsr"


@pytest.fixture
def corpora() -> Path:
    folder = os.environ.get(SOURCE_VARIABLE)
    if folder is None:
        pytest.skip(f"{SOURCE_VARIABLE} names no folder with the public corpora")
    return Path(folder)


@pytest.fixture
def no_corpora(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SOURCE_VARIABLE, raising=False)


def sizes(benchmark: Benchmark) -> tuple[int, int, int]:
    """Return how many documents, mentions, and sentences with an event there are."""
    sentences = [s for d in benchmark.documents for s in d.sentences]
    mentions = sum(len(d.entities) for d in benchmark.documents)
    return len(benchmark.documents), mentions, sum(bool(s.events) for s in sentences)


def test_file_of_our_own_is_a_benchmark(documents: list[Document]):
    path = CORPUS / "dev.jsonl"
    benchmark = open_benchmark(str(path))
    assert (benchmark.data, benchmark.unit, benchmark.defects) == (str(path), "documents", {})
    assert benchmark.digest == sha256(path)
    assert benchmark.documents == documents
    assert benchmark.ruler == own_ruler()


def test_answers_of_a_model_that_are_taken_as_right_are_counted(tmp_path: Path):
    text = "قصف الجيش درعا"
    told = (Event("shelling", "actual", 0.8),)
    read = Document("a", text, (Sentence(0, len(text), told),), (Entity(10, 14, "GPE", 0.9),))
    path = tmp_path / "read.jsonl"
    path.write_text(read.to_json() + "\n", encoding="utf-8")
    assert list(open_benchmark(str(path)).defects.values()) == [2]


def test_file_of_our_own_is_checked(tmp_path: Path):
    path = write(tmp_path / "a.jsonl", '{"id": "a", "text": "عاد", "sentences": []}\n')
    with pytest.raises(DataError, match=r"a\.jsonl:1: text 0\.\.3 lies in no sentence"):
        open_benchmark(str(path))


def test_unknown_corpus_is_refused_and_the_known_are_named():
    with pytest.raises(DataError) as caught:
        open_benchmark("public:anercrop")
    assert str(caught.value) == (
        f"public:anercrop: unknown (did you mean 'anercorp'?); known are {', '.join(PUBLIC)}"
    )
    with pytest.raises(DataError, match=r"public:conll: unknown.*; known are public:anercorp, "):
        open_benchmark("public:conll")


@pytest.mark.parametrize("name", PUBLIC)
@pytest.mark.usefixtures("no_corpora")
def test_corpus_without_its_folder_is_refused(name: str):
    with pytest.raises(DataError) as caught:
        open_benchmark(name)
    assert str(caught.value) == (
        f"{name}: name the corpora's folder with --source or MARSAD_CORPORA"
    )


def test_folder_that_is_given_goes_before_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("given", "set"):
        folder = tmp_path / name / "wojood_sample"
        folder.mkdir(parents=True)
        write(folder / "val.txt", "سعيد B-PERS\n" * (1 if name == "given" else 2))
    monkeypatch.setenv(SOURCE_VARIABLE, str(tmp_path / "set"))
    assert sizes(open_benchmark("public:wojood"))[1] == 2
    assert sizes(open_benchmark("public:wojood", source=tmp_path / "given"))[1] == 1


def test_file_of_our_own_is_learnt_from_as_it_is(documents: list[Document]):
    items = open_training(str(CORPUS / "dev.jsonl"))
    assert items == [Annotated(document) for document in documents]
    assert {(item.source, len(item.votes)) for item in items} == {(None, 0)}


def test_unknown_training_part_is_refused_and_the_known_are_named():
    with pytest.raises(DataError) as caught:
        open_training("public:wojod")
    assert str(caught.value) == (
        f"public:wojod: unknown (did you mean 'wojood'?); known are {', '.join(TRAINING)}"
    )
    with pytest.raises(DataError, match=r"public:protest-test: unknown.*; known are public:"):
        open_training("public:protest-test")


@pytest.mark.parametrize("name", TRAINING)
@pytest.mark.usefixtures("no_corpora")
def test_training_part_without_its_folder_is_refused(name: str, tmp_path: Path):
    with pytest.raises(DataError) as caught:
        open_training(name)
    assert str(caught.value) == (
        f"{name}: name the corpora's folder with --source or MARSAD_CORPORA"
    )
    with pytest.raises(DataError, match="no such file; check the path"):
        open_training(name, source=tmp_path)


def test_every_training_part_says_what_it_is():
    assert PUBLICATIONS.keys() == TRAINING.keys()
    for own in PUBLICATIONS.values():
        assert own.source in scheme().sources
        assert own.url.startswith("https://")
        assert own.licence


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("public:anercorp", (925, 2285, 0)),
        ("public:anercorp+context", (24, 2285, 0)),
        ("public:anercorp-dev", (600, 1461, 0)),
        ("public:anercorp-dev+context", (15, 1461, 0)),
        ("public:wojood", (158, 360, 0)),
        ("public:assault", (1805, 0, 266)),
        ("public:assault+abduction", (1805, 0, 266)),
        ("public:protest", (1469, 0, 147)),
        ("public:assault-test", (332, 0, 56)),
        ("public:assault-dev", (171, 0, 28)),
        ("public:protest-test", (300, 0, 32)),
        ("public:protest-dev", (161, 0, 15)),
    ],
)
def test_real_corpora_have_their_sizes(corpora: Path, name: str, expected: tuple[int, int, int]):
    benchmark = open_benchmark(name, source=corpora)
    assert sizes(benchmark) == expected
    assert len({d.id for d in benchmark.documents}) == expected[0]


def test_defects_of_the_real_corpora_are_counted(corpora: Path):
    anercorp, wojood, protest = (
        open_benchmark(f"public:{name}", source=corpora).defects
        for name in ("anercorp", "wojood", "protest")
    )
    assert anercorp == {"stray I- tags, read as B-": 74}
    assert wojood["separators dropped"] == 56
    assert wojood["nested mentions left out"] == 78
    assert wojood["mentions of labels not shared"] == 32
    assert list(protest.values()) == [41, 2, 40]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("public:anercorp", (3373, 7539)),
        ("public:anercorp+context", (85, 7539)),
        ("public:wojood", (1114, 2311)),
        ("public:event_gsr", (2310, 0)),
    ],
)
def test_real_training_parts_have_their_sizes(corpora: Path, name: str, expected: tuple[int, int]):
    items = open_training(name, source=corpora)
    assert (len(items), sum(len(item.document.entities) for item in items)) == expected
    for item in items:
        assert item.source == PUBLICATIONS[name].source
        source = scheme().sources[item.source]
        assert {e.label for e in item.document.entities} <= source.entities.keys()
        assert item.votes.keys() <= source.events.keys()
        assert bool(item.votes) == bool(source.events)


def words_of(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", text))


@pytest.mark.parametrize("name", [n for n in PUBLIC if n.endswith(("-test", "-dev", "anercorp"))])
def test_real_benchmarks_share_nothing_with_what_is_taught(corpora: Path, name: str):
    """But for sentences of a word or two, which a corpus repeats itself."""
    learnt = open_training(
        "public:anercorp" if "anercorp" in name else "public:event_gsr", source=corpora
    )
    taught = {words_of(item.document.text) for item in learnt}
    documents = open_benchmark(name, source=corpora).documents
    assert not [d.id for d in documents if len(w := words_of(d.text)) > 2 and w in taught]


def test_hardly_a_real_vote_is_on_a_text_much_like_one_that_is_taught(corpora: Path):
    """Most of the word 8-grams of the shorter text are in the other one."""
    held: dict[tuple[str, ...], set[int]] = defaultdict(set)
    taught = [grams(item.document.text) for item in open_training(GSR, source=corpora)]
    for i, own in enumerate(taught):
        for gram in own:
            held[gram].add(i)
    alike = 0
    names = [f"public:{name}-{part}" for name in ("assault", "protest") for part in ("test", "dev")]
    for text in {d.text for n in names for d in open_benchmark(n, source=corpora).documents}:
        own = grams(text)
        shared = Counter(i for gram in own for i in held[gram])
        alike += any(n > 0.8 * min(len(own), len(taught[i])) for i, n in shared.items())
    assert alike <= 1  # of 964


def grams(text: str) -> set[tuple[str, ...]]:
    words = words_of(text)
    return {words[i : i + 8] for i in range(len(words) - 7)}
