import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marsad.benchmarks import PUBLIC, Benchmark
from marsad.benchmarks.event_gsr import (
    read_assault,
    read_assault_with_abduction,
    read_protest,
    read_votes,
    types_of,
)
from marsad.calibration import Calibration
from marsad.document import Event
from marsad.errors import DataError
from marsad.evaluation import evaluate
from marsad.labels import OUTSIDE, scheme
from marsad.systems import Answers
from tests.predictions.systems import write
from tests.test_evaluation import answers_of, judged

TYPES = scheme().event_names
FIELDS = ("accept", "event_type", "id", "label", "reject", "text", "total")
Vote = tuple[str, int, int]  # text, for, against

VOTES: list[Vote] = [
    ('قصفت المدفعية القرية، وقالت: "لا شيء".', 3, 0),
    ("عاد الطلاب إلى المدارس", 0, 3),
    ("هاجم مسلحون\nنقطة التفتيش", 2, 1),
    ("انعقد المؤتمر", 1, 2),
    ("تبادل الطرفان الاتهامات", 1, 1),  # a tie
]
TWICE: list[Vote] = [
    ("قتل رجلان", 2, 1),
    ("قتل رجلان", 0, 3),  # conflicts, and is lost
    ("هدأت الجبهة", 0, 3),
    ("هدأت الجبهة", 1, 2),  # agrees
    ("خرج الناس", 3, 0),
    ("خرج الناس", 0, 3),  # conflicts, and is a tie
]

Write = Callable[[list[Vote]], Path]


@pytest.fixture
def corpora(tmp_path: Path) -> Write:
    """Write the files of votes and return the folder of the corpora."""
    folder = tmp_path / "arabic_event_gsr"
    folder.mkdir()

    def write_files(votes: list[Vote]) -> Path:
        for name in ("assault", "protest"):
            with (folder / f"{name}_gsr.csv").open("w", encoding="utf-8", newline="") as file:
                rows = csv.writer(file)
                rows.writerow(FIELDS)
                for i, (text, yes, no) in enumerate(votes):
                    rows.writerow((yes, name.upper(), f"{name}-{i}", "x", no, text, yes + no))
        return tmp_path

    return write_files


def events_of(benchmark: Benchmark) -> list[list[str]]:
    return [[e.type for s in d.sentences for e in s.events] for d in benchmark.documents]


def test_majority_of_votes_decides_and_ties_are_left_out(corpora: Write):
    benchmark = read_assault(corpora(VOTES))
    assert [d.text for d in benchmark.documents] == [text for text, *_ in VOTES[:-1]]
    assert events_of(benchmark) == [["ASSAULT"], [], ["ASSAULT"], []]
    assert benchmark.defects == {
        "texts given twice, votes added": 0,
        "of them with votes that conflict": 0,
        "texts with as many votes for as against, left out": 1,
    }
    assert len({d.id for d in benchmark.documents}) == 4
    assert all(
        [(s.start, s.end) for s in d.sentences] == [(0, len(d.text))] for d in benchmark.documents
    )


def test_votes_on_one_text_are_added_and_conflicts_counted(corpora: Write):
    benchmark = read_protest(corpora(TWICE))
    assert [d.text for d in benchmark.documents] == ["قتل رجلان", "هدأت الجبهة"]
    assert events_of(benchmark) == [[], []]
    assert benchmark.defects == {
        "texts given twice, votes added": 3,
        "of them with votes that conflict": 2,
        "texts with as many votes for as against, left out": 1,
    }


def test_our_types_count_by_the_crosswalk(corpora: Write):
    folder = corpora(VOTES)
    for benchmark, types in (
        (read_assault(folder), types_of("ASSAULT")),
        (read_assault_with_abduction(folder), [*types_of("ASSAULT"), "abduction"]),
        (read_protest(folder), ["protest"]),
    ):
        (plover,) = benchmark.ruler.events
        counted = {name for name, own in benchmark.ruler.event_map.items() if own == plover}
        assert counted == set(types)
        assert {*benchmark.ruler.event_map.values()} == {plover, OUTSIDE}
        assert benchmark.ruler.event_map.keys() == set(TYPES)
        assert benchmark.ruler.entities == ()
        assert benchmark.data in PUBLIC
    assert {"shelling", "killing", "armed_clash"} <= set(types_of("ASSAULT"))
    assert "abduction" not in types_of("ASSAULT")


def test_a_model_is_scored_and_ranked_by_its_likeliest_type(corpora: Write):
    benchmark = read_assault(corpora(VOTES))
    events = np.zeros((4, len(TYPES)))
    shelling, killing, protest = (TYPES.index(n) for n in ("shelling", "killing", "protest"))
    events[0, [shelling, killing]] = 0.75, 0.25  # annotated
    events[1, [shelling, protest]] = 0.6, 0.9
    events[2, killing] = 0.4  # annotated
    events[3, protest] = 0.95
    judgements = [
        judged(document, events[i : i + 1]) for i, document in enumerate(benchmark.documents)
    ]
    evaluation = evaluate(answers_of(judgements, Calibration()), benchmark)
    scores = evaluation.scores.events
    assert scores is not None
    assert evaluation.scores.entities is None
    micro = scores.types.micro
    assert (micro.precision, micro.recall, micro.support, micro.predicted) == (0.5, 0.5, 2, 2)
    assert (scores.exact_set_accuracy, scores.families, scores.realis) == (0.5, None, None)
    ranking = (scores.ranking or {})["ASSAULT"]  # 0.75 right, 0.6 wrong, 0.4 right, 0 wrong
    assert ranking.average_precision == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert (ranking.support, ranking.chance) == (2, 0.5)
    assert evaluation.trust["events"].given.decisions == 4
    assert evaluation.trust["events"].risk.claims == 2
    assert "entities" not in evaluation.trust


def test_several_of_our_types_are_one_claim(corpora: Write):
    benchmark = read_assault(corpora(VOTES))
    claimed = (Event("shelling", "planned"), Event("killing", "actual"), Event("aid", "actual"))
    answers = [
        replace(d, sentences=tuple(replace(s, events=claimed) for s in d.sentences))
        for d in benchmark.documents
    ]
    scores = evaluate(Answers(answers, True, True, "x"), benchmark).scores
    assert scores.events is not None
    assert (scores.events.types.micro.predicted, scores.events.types.micro.support) == (4, 2)
    assert scores.events.ranking is None
    assert scores.overall == scores.events.types.micro.f1 == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    "content",
    [
        "accept,reject,words\n1,0,عاد\n",
        "accept,text\n1,عاد\n",
        "accept,reject,text\nyes,0,عاد\n",
        "accept,reject,text\n1\n",
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: str):
    path = write(tmp_path / "a.csv", content)
    with pytest.raises(DataError, match=r"a\.csv: no file of the event gold standard; give its"):
        read_votes(path)


def test_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"assault_gsr\.csv: no such file"):
        read_assault(tmp_path)


@pytest.mark.parametrize("mark", ["\u2028", "\x85", "\x0c"])
def test_line_breaks_of_unicode_are_no_ends_of_rows(tmp_path: Path, mark: str):
    path = write(tmp_path / "a.csv", f"accept,reject,text\n1,0,عاد{mark}الهدوء\n")
    assert read_votes(path) == {f"عاد{mark}الهدوء": [1]}
