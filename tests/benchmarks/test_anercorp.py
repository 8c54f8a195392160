from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from marsad.benchmarks import Benchmark
from marsad.benchmarks.anercorp import LABELS, SENTENCES, read_benchmark, ruler
from marsad.document import Document, Entity
from marsad.errors import DataError
from marsad.evaluation import evaluate
from marsad.files import sha256
from marsad.labels import scheme
from marsad.predictions import read_predictions
from marsad.systems import Answers
from tests.predictions.systems import Block, conll, write

FEW: list[Block] = [
    [("زار", "O"), ("خالد", "B-PERS"), ("المنصور", "I-PERS"), ("بنغازي", "B-LOC"), (".", "O")],
    [("شركة", "I-ORG"), ("النور", "I-ORG"), ("في", "O"), ("المدينة", "I-LOC")],  # two stray
    [("نال", "O"), ("جائزة", "B-MISC"), ("الأمل", "I-ORG")],  # one stray
]
FILLER: list[Block] = [[("عاد", "O"), ("الهدوء", "O")]] * (SENTENCES - len(FEW))

Write = Callable[[str], Path]


@pytest.fixture
def corpora(tmp_path: Path) -> Write:
    """Write a test file and return the folder of the corpora."""
    (tmp_path / "anercorp").mkdir()

    def write_file(content: str) -> Path:
        write(tmp_path / "anercorp" / "camel_test.txt", content)
        return tmp_path

    return write_file


@pytest.fixture
def benchmark(corpora: Write) -> Benchmark:
    return read_benchmark(corpora(conll([*FEW, *FILLER])))


def mentions(document: Document) -> list[tuple[str, str]]:
    return [(document.mention(e), e.label) for e in document.entities]


def test_sentences_become_documents(benchmark: Benchmark, tmp_path: Path):
    assert (benchmark.data, benchmark.unit) == ("public:anercorp", "sentences")
    assert benchmark.digest == sha256(tmp_path / "anercorp" / "camel_test.txt")
    assert len(benchmark.documents) == SENTENCES
    first = benchmark.documents[0]
    assert (first.id, first.text) == ("anercorp-1", "زار خالد المنصور بنغازي .")
    assert mentions(first) == [("خالد المنصور", "PERS"), ("بنغازي", "LOC")]
    assert [(s.start, s.end) for s in first.sentences] == [(0, len(first.text))]


def test_stray_tags_begin_mentions_and_are_counted(benchmark: Benchmark):
    assert benchmark.defects == {"stray I- tags, read as B-": 3}
    assert mentions(benchmark.documents[1]) == [("شركة النور", "ORG"), ("المدينة", "LOC")]
    assert mentions(benchmark.documents[2]) == [("جائزة", "MISC"), ("الأمل", "ORG")]


@pytest.mark.parametrize("ending", ["", "\n", "\n\n \n", "\r\n"])
def test_blank_lines_make_no_sentences(corpora: Write, ending: str):
    blocks = conll([*FEW, *FILLER]).replace("\n\n", "\n\n\n", 3)
    assert len(read_benchmark(corpora("\n" + blocks + ending)).documents) == SENTENCES


@pytest.mark.parametrize("number", [1, SENTENCES - 1, SENTENCES + 1])
def test_another_number_of_sentences_is_another_split(corpora: Write, number: int):
    folder = corpora(conll((FILLER + FEW * 2)[-number:]))
    with pytest.raises(
        DataError, match=f"{number} sentences, and the CAMeL split's .* {SENTENCES}"
    ):
        read_benchmark(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("زار O\nخالد\n", r"camel_test\.txt:2: 1 columns, not token and tag; take the file anew"),
        ("زار O\n\nخالد NN B-PERS\n", r"camel_test\.txt:3: 3 columns, not token and tag"),
        ("زار S-PERS\n", r"camel_test\.txt:1: tag 'S-PERS' is not O, B-X or I-X"),
        (" \n", "empty"),
    ],
)
def test_malformed_file_is_refused_with_its_place(corpora: Write, content: str, message: str):
    with pytest.raises(DataError, match=message):
        read_benchmark(corpora(content))


def test_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"camel_test\.txt: no such file"):
        read_benchmark(tmp_path)


def test_our_labels_count_as_the_corpuss():
    names = {name: ruler().entity_map[name] for name in scheme().entity_names}
    assert names == {
        "PER": "PERS",
        "NORP": "MISC",
        "OCC": "O",
        "ORG": "ORG",
        "MIL": "ORG",
        "GPE": "LOC",
        "LOC": "LOC",
        "FAC": "LOC",
        "WEA": "O",
        "EVENT": "MISC",
        "DATE": "O",
        "NUM": "O",
    }
    assert ruler().entities == LABELS


def test_predictions_under_either_scheme_are_scored_on_whole_tokens(
    benchmark: Benchmark, tmp_path: Path
):
    few = replace(benchmark, documents=benchmark.documents[:3])
    theirs = read_predictions(write(tmp_path / "own.conll", conll(FEW)), few.documents)
    ours = [
        replace(few.documents[0], entities=(Entity(4, 16, "PER"), Entity(18, 23, "GPE"))),
        replace(few.documents[1], entities=(Entity(0, 10, "MIL"), Entity(16, 21, "FAC"))),
        replace(few.documents[2], entities=(Entity(4, 9, "EVENT"), Entity(10, 15, "ORG"))),
    ]
    for answers in (theirs, ours):
        evaluation = evaluate(Answers(answers, True, False, "x"), few)
        assert evaluation.scores.tables["entities"].micro.f1 == 1
        assert evaluation.scores.entities is not None
        assert evaluation.scores.entities.seqeval.f1 == 1
        assert evaluation.scores.entities.conll is None
        assert evaluation.defects == {"stray I- tags, read as B-": 3}
