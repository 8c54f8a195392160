from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from marsad.benchmarks import Benchmark, open_benchmark, open_training
from marsad.benchmarks.anercorp import (
    BLOCK,
    LABELS,
    SENTENCES,
    TRAINING_SENTENCES,
    in_context,
    read_benchmark,
    read_dev,
    read_training,
    read_training_in_context,
    ruler,
)
from marsad.document import Document, Entity
from marsad.errors import DataError
from marsad.evaluation import evaluate
from marsad.files import sha256
from marsad.labels import scheme
from marsad.predictions import read_predictions
from marsad.systems import Answers
from tests.corpora import Tagged, write_anercorp
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


# The parts of the training file.

COUNT = TRAINING_SENTENCES  # the last block is a short one


def numbered(number: int) -> Tagged:
    """Return a sentence that no other is like; its last mention begins with a stray I-."""
    place = [("حي", "B-LOC"), (f"رقم{number}", "I-LOC")]
    return [("زار", "O"), ("خالد", "B-PERS"), *place[: 1 + number % 2], ("النور", "I-ORG")]


@pytest.fixture(scope="module")
def parted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("anercorp")
    return write_anercorp(folder, [[(f"ج{i}", "O"), *numbered(i)] for i in range(COUNT)])


def first_tokens(documents: Sequence[Document]) -> list[int]:
    return [int(document.text.split()[0][1:]) for document in documents]


def test_dev_part_and_training_are_the_file_in_whole_blocks(parted: Path):
    dev = read_dev(parted)
    items = read_training(parted)
    chosen = first_tokens(dev.documents)
    rest = first_tokens([item.document for item in items])
    assert sorted([*chosen, *rest]) == list(range(COUNT))
    assert chosen == sorted(chosen)
    assert rest == sorted(rest)
    assert not {i // BLOCK for i in chosen} & {i // BLOCK for i in rest}
    assert len({i // BLOCK for i in chosen}) == 15  # of a hundred
    assert {item.source for item in items} == {"anercorp"}
    assert (dev.data, dev.unit, dev.ruler) == ("public:anercorp-dev", "sentences", ruler())
    assert dev.defects == {"stray I- tags in the file, read as B-": COUNT}


def test_parts_depend_on_the_place_in_the_file_alone(parted: Path, tmp_path: Path):
    number = 22 * BLOCK + 7  # an excerpt
    other = [[(f"ج{i}", "O"), ("عاد", "O")] for i in range(number)]
    again = first_tokens(read_dev(write_anercorp(tmp_path, other)).documents)
    assert again == [i for i in first_tokens(read_dev(parted).documents) if i < number] != []


@pytest.mark.parametrize(
    "number", [SENTENCES, COUNT - 1, COUNT + 1, pytest.param(COUNT + SENTENCES, id="whole corpus")]
)
def test_training_file_of_another_split_is_refused(tmp_path: Path, number: int):
    folder = write_anercorp(tmp_path, [[("عاد", "O")]] * number)
    for read in (read_training, read_training_in_context, read_dev):
        with pytest.raises(DataError) as caught:
            read(folder)
        assert str(caught.value) == (
            f"{folder / 'anercorp' / 'camel_train.txt'}: {number} sentences, and the CAMeL split's "
            f"training file has {COUNT}; that of another split may hold sentences of the test"
        )


def test_excerpt_of_the_training_file_is_learnt_from(tmp_path: Path):
    folder = write_anercorp(tmp_path, [[("عاد", "O")]] * (SENTENCES - 1))
    read = len(read_training(folder)) + len(read_dev(folder).documents)
    assert read == SENTENCES - 1


def by_sentence(documents: Sequence[Document]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the text of each sentence, and the mentions in it with their labels."""
    return [
        (
            document.text[sentence.start : sentence.end],
            [(document.mention(e), e.label) for e in document.entities_in(sentence)],
        )
        for document in documents
        for sentence in document.sentences
    ]


def test_sentences_among_their_neighbours_are_the_same_sentences(parted: Path, corpora: Write):
    test = corpora(conll([*FEW, *FILLER]))
    for folder, name in ((test, "anercorp"), (parted, "anercorp-dev")):
        alone = open_benchmark(f"public:{name}", source=folder)
        joined = open_benchmark(f"public:{name}+context", source=folder)
        assert by_sentence(joined.documents) == by_sentence(alone.documents)
        assert joined.data == f"public:{name}+context"
        assert joined.unit == "documents"
        assert (joined.digest, joined.defects, joined.ruler) == (
            alone.digest,
            alone.defects,
            alone.ruler,
        )
        check_blocks(joined.documents)
    alone = [item.document for item in read_training(parted)]
    items = open_training("public:anercorp+context", source=parted)
    assert by_sentence([item.document for item in items]) == by_sentence(alone)
    assert {item.source for item in items} == {"anercorp"}
    check_blocks([item.document for item in items])


def check_blocks(documents: Sequence[Document]) -> None:
    assert len({document.id for document in documents}) == len(documents)
    *full, last = documents
    assert {len(document.sentences) for document in full} == {BLOCK}
    assert 1 <= len(last.sentences) <= BLOCK
    for document in documents:
        sentences = [document.text[s.start : s.end] for s in document.sentences]
        assert sentences == document.text.removesuffix("\n").split("\n")
        assert sum(1 for s in document.sentences for _ in document.entities_in(s)) == len(
            document.entities
        )


def test_perfect_system_is_perfect_among_neighbours(benchmark: Benchmark, parted: Path):
    for joined in (in_context(benchmark), in_context(read_dev(parted))):
        scores = evaluate(Answers(joined.documents, True, False, "x"), joined).scores
        assert scores.overall == scores.tables["entities"].micro.f1 == 1
        assert scores.entities is not None
        assert scores.entities.seqeval.f1 == 1
        support = sum(len(document.entities) for document in joined.documents)
        assert scores.tables["entities"].micro.support == support > 0
