"""Benchmarks by name, and the real ones where they are at hand."""

import os
from pathlib import Path

import pytest

from marsad.benchmarks import PUBLIC, SOURCE_VARIABLE, Benchmark, open_benchmark
from marsad.document import Document
from marsad.errors import DataError
from marsad.files import sha256
from marsad.scoring import own_ruler
from tests.conftest import CORPUS
from tests.predictions.systems import write


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


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("public:anercorp", (925, 2285, 0)),
        ("public:wojood", (158, 360, 0)),
        ("public:assault", (1805, 0, 266)),
        ("public:assault+abduction", (1805, 0, 266)),
        ("public:protest", (1469, 0, 147)),
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
