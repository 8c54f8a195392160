from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from marsad.benchmarks.wojood import (
    NOT_SHARED,
    SHARED,
    read_benchmark,
    read_documents,
    read_training,
    ruler,
)
from marsad.document import Document, Entity
from marsad.errors import DataError
from marsad.evaluation import evaluate
from marsad.labels import scheme
from marsad.systems import Answers
from tests.corpora import Tagged, write_wojood
from tests.predictions.systems import write

CONTENT = """\
أعلن O
رئيس B-OCC
بلدية I-OCC B-ORG
الواحة I-OCC I-ORG B-GPE
سعيد B-PERS
$#$ O
العودة O

$#$ O

دفع O
عشرة B-MONEY
دنانير I-MONEY B-CURR
يوم B-DATE
الأحد I-DATE
الثاني B-ORDINAL
هناك I-LOC
"""


@pytest.fixture
def corpora(tmp_path: Path) -> Callable[[str], Path]:
    """Write a validation file and return the folder of the corpora."""
    (tmp_path / "wojood_sample").mkdir()

    def write_file(content: str) -> Path:
        write(tmp_path / "wojood_sample" / "val.txt", content)
        return tmp_path

    return write_file


def mentions(document: Document) -> list[tuple[str, str]]:
    return [(document.mention(e), e.label) for e in document.entities]


def test_of_nested_mentions_the_longest_counts(corpora: Callable[[str], Path]):
    benchmark = read_benchmark(corpora(CONTENT))
    first, second = benchmark.documents
    assert first.text == "أعلن رئيس بلدية الواحة سعيد العودة"
    assert mentions(first) == [("رئيس بلدية الواحة", "OCC"), ("سعيد", "PER")]
    assert mentions(second) == [("عشرة دنانير", "NUM"), ("يوم الأحد", "DATE")]
    assert (first.id, second.id) == ("wojood-1", "wojood-3")


def test_defects_are_counted(corpora: Callable[[str], Path]):
    assert read_benchmark(corpora(CONTENT)).defects == {
        "separators dropped": 2,
        "nested mentions left out": 2,  # ORG and GPE in OCC
        "mentions of labels not shared": 2,  # ORDINAL, CURR in MONEY
        "stray I- tags, dropped": 1,
    }


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("مدينة B-GPE\nالواحة B-GPE\n", [("مدينة", "GPE"), ("الواحة", "GPE")]),
        ("مدينة B-GPE\nالواحة I-ORG\n", [("مدينة", "GPE")]),
        ("قبل B-DATE\nعام I-DATE B-DATE\nونصف I-DATE I-DATE\n", [("قبل عام ونصف", "DATE")]),
        ("نصف B-PERCENT\nساعة B-TIME\n", [("نصف", "NUM"), ("ساعة", "DATE")]),
        ("ميناء B-FAC B-GPE\n", [("ميناء", "FAC")]),
        ("كتاب B-PRODUCT\n", []),
        ("بيت B-FAC\n$#$ O\nالواحة I-FAC\n", [("بيت الواحة", "FAC")]),
    ],
)
def test_mentions_are_read_from_their_tags(
    tmp_path: Path, lines: str, expected: list[tuple[str, str]]
):
    (document,) = read_documents(write(tmp_path / "a.txt", lines), Counter())
    assert mentions(document) == expected


def test_stray_tags_at_the_start_and_after_another_label_are_dropped(tmp_path: Path):
    defects: Counter[str] = Counter()
    lines = "الواحة I-GPE\nمدينة B-ORG\nسعيد I-PERS I-ORG\n"
    (document,) = read_documents(write(tmp_path / "a.txt", lines), defects)
    assert mentions(document) == [("مدينة سعيد", "ORG")]
    assert defects["stray I- tags, dropped"] == 2


@pytest.mark.parametrize("tag", ["B-MIL", "GPE", "B-", "B-pers"])
def test_tag_of_another_corpus_is_refused(corpora: Callable[[str], Path], tag: str):
    with pytest.raises(DataError, match=rf"val\.txt: tag {tag!r} is not Wojood's; give its own"):
        read_benchmark(corpora(f"سعيد {tag}\n"))


def test_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"val\.txt: no such file"):
        read_benchmark(tmp_path)


def test_labels_that_both_schemes_share_are_ours():
    own = ruler()
    assert set(own.entities) == set(SHARED.values()) < set(scheme().entity_names)
    assert not set(SHARED) & set(NOT_SHARED)
    assert {n for n in scheme().entity_names if n not in own.entities} == {"MIL", "WEA"}
    assert (own.entity_map["MIL"], own.entity_map["WEA"]) == ("ORG", "O")


def test_our_predictions_are_scored(corpora: Callable[[str], Path]):
    benchmark = read_benchmark(corpora(CONTENT))
    first, second = benchmark.documents
    answers = [
        replace(first, entities=(Entity(5, 22, "OCC"), Entity(24, 27, "PER"))),
        replace(
            second, entities=(Entity(4, 15, "NUM"), Entity(0, 3, "WEA"), Entity(16, 25, "MIL"))
        ),
    ]
    table = evaluate(Answers(answers, True, False, "x"), benchmark).scores.tables["entities"]
    assert (table.micro.support, table.micro.predicted) == (4, 4)
    assert table.micro.f1 == 3 / 4
    assert table.never_predicted == ["DATE"]


# The training file.


def taught(folder: Path, *sentences: Tagged) -> list[list[tuple[str, str]]]:
    """Return the mentions of each sentence, labels as Wojood names them."""
    items = read_training(write_wojood(folder, sentences))
    assert {item.source for item in items} == {"wojood"}
    return [mentions(item.document) for item in items]


def test_training_keeps_labels_and_of_shared_ones_the_longest_mention(tmp_path: Path):
    first = [
        ("أعلن", "O"),
        ("رئيس", "B-OCC"),
        ("بلدية", "I-OCC B-ORG"),
        ("الواحة", "I-OCC I-ORG B-GPE"),
        ("سعيد", "B-PERS"),
        ("$#$", "O"),
        ("صباحا", "B-TIME"),
    ]
    assert taught(tmp_path, first, [("عاد", "O")]) == [
        [("رئيس بلدية الواحة", "OCC"), ("سعيد", "PERS"), ("صباحا", "TIME")],
        [],
    ]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        # Inside a shared one, around one, beside one, and across its edge.
        ([("عشرة", "B-MONEY"), ("دنانير", "I-MONEY B-CURR")], [("عشرة دنانير", "MONEY")]),
        ([("قانون", "B-LAW"), ("درعا", "I-LAW B-GPE")], [("درعا", "GPE"), ("قانون", "LAW")]),
        ([("درعا", "B-GPE"), ("الأول", "B-ORDINAL")], [("درعا", "GPE"), ("الأول", "ORDINAL")]),
        (
            [("يوم", "B-DATE"), ("الأحد", "I-DATE B-LAW"), ("الثاني", "I-LAW")],
            [("يوم الأحد", "DATE"), ("الثاني", "LAW")],
        ),
        (
            [("قانون", "B-LAW"), ("درعا", "I-LAW B-GPE"), ("للأحوال", "I-LAW")],
            [("درعا", "GPE"), ("قانون", "LAW"), ("للأحوال", "LAW")],
        ),
        # Among those that are not shared, the longest.
        ([("قانون", "B-LAW"), ("ثان", "I-LAW B-ORDINAL")], [("قانون ثان", "LAW")]),
    ],
)
def test_labels_that_are_not_shared_stay_on_words_that_lie_in_no_shared_one(
    tmp_path: Path, sentence: Tagged, expected: list[tuple[str, str]]
):
    (found,) = taught(tmp_path, sentence)
    assert sorted(found) == sorted(expected)


def test_training_and_benchmark_agree_on_shared_labels(tmp_path: Path):
    """The same lines in both files: the benchmark has our names for the shared mentions."""
    blocks = CONTENT.strip().split("\n\n")
    lines = [[line.split(" ", 1) for line in block.split("\n")] for block in blocks]
    folder = write_wojood(write_wojood(tmp_path, lines), lines, name="val")
    documents = read_benchmark(folder).documents
    items = read_training(folder)
    assert [item.document.text for item in items] == [document.text for document in documents]
    for item, document in zip(items, documents, strict=True):
        shared = [(m, SHARED[label]) for m, label in mentions(item.document) if label in SHARED]
        assert shared == mentions(document)
    assert ("الثاني", "ORDINAL") in mentions(items[1].document)


def test_training_file_of_another_corpus_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"train\.txt: tag 'B-MIL' is not Wojood's"):
        taught(tmp_path, [("الجيش", "B-MIL")])
