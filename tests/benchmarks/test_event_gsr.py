from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marsad.benchmarks import PUBLIC, Annotated, Benchmark, open_benchmark, open_training
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
from tests.corpora import Vote, write_votes
from tests.predictions.systems import write
from tests.test_evaluation import answers_of, judged

TYPES = scheme().event_names

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
    """Write the same votes into both files and return the folder of the corpora."""
    return lambda votes: write_votes(tmp_path, assault=votes, protest=votes)


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


# Parts.

PARTS = ("assault-test", "assault-dev", "protest-test", "protest-dev")


def letters(text: str) -> str:
    return "".join(c for c in text if c.isalnum())


def texts_of(folder: Path, name: str) -> list[str]:
    return [d.text for d in open_benchmark(f"public:{name}", source=folder).documents]


def training(folder: Path) -> list[Annotated]:
    return open_training("public:event_gsr", source=folder)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write many texts, some of them in both files or once more with other signs."""
    texts = [f"قصفت المدفعية قرية {i} صباح اليوم" for i in range(400)]
    again = [f"«{text}» ..." for text in texts[:300:3]]
    assault = [(text, 3 * (i % 3 == 0), 1) for i, text in enumerate([*texts[:300], *again])]
    protest = [(text, i % 4, 2) for i, text in enumerate(texts[200:])]  # a quarter are ties
    return write_votes(tmp_path_factory.mktemp("many"), assault=assault, protest=protest)


def test_parts_cover_the_files_and_share_no_text(many: Path):
    taught = {name: set() for name in ("ASSAULT", "PROTEST")}
    for item in training(many):
        for name in item.votes:
            taught[name].add(item.document.text)
    for name in ("assault", "protest"):
        parts = [
            set(texts_of(many, f"{name}-test")),
            set(texts_of(many, f"{name}-dev")),
            taught[name.upper()],
        ]
        whole = texts_of(many, name)
        assert set.union(*parts) == set(whole)
        assert sum(map(len, parts)) == len(whole)
        shares = np.array([len(part) / len(whole) for part in parts])
        assert np.abs(shares - [0.2, 0.1, 0.7]).max() < 0.1
    ends = [
        {letters(t) for n in ("assault", "protest") for t in texts_of(many, f"{n}-{end}")}
        for end in ("test", "dev")
    ]
    rest = {letters(text) for own in taught.values() for text in own}
    assert not ends[0] & ends[1]
    assert not (ends[0] | ends[1]) & rest


def test_text_in_both_files_or_with_other_signs_falls_into_one_part(many: Path):
    places: dict[str, set[str]] = {}
    for name in PARTS:
        for text in texts_of(many, name):
            places.setdefault(letters(text), set()).add(name.partition("-")[2])
    for item in training(many):
        places.setdefault(letters(item.document.text), set()).add("training")
    assert {len(own) for own in places.values()} == {1}
    both = {letters(text) for text in texts_of(many, "assault")}
    both &= {letters(text) for text in texts_of(many, "protest")}
    assert len({next(iter(places[text])) for text in both}) == 3


def test_a_text_stays_in_its_part_when_others_come(many: Path, tmp_path: Path):
    few = [text for text in texts_of(many, "assault") if text.startswith("قصفت")][::7]
    votes = [(text, 1, 0) for text in reversed(few)]
    folder = write_votes(tmp_path, assault=votes, protest=[])
    for name in ("assault-test", "assault-dev"):
        assert set(texts_of(folder, name)) == set(few) & set(texts_of(many, name))


def test_each_text_is_taught_once_with_all_that_was_voted(tmp_path: Path):
    texts = [f"خرج الناس في القرية {i}" for i in range(60)]
    assault = [(text, 2, 0) for text in texts[:40]] + [(text, 0, 3) for text in texts[:20]]
    protest = [(text, 1, 0) for text in texts[20:]] + [(texts[0], 1, 1)]
    items = training(write_votes(tmp_path, assault=assault, protest=protest))
    expected = {}
    for i, text in enumerate(texts):
        own = {"ASSAULT": i >= 20} if i < 40 else {}  # the first twenty twice: 2 for, 3 against
        expected[text] = own | ({"PROTEST": True} if i >= 20 else {})
    found = {item.document.text: dict(item.votes) for item in items}
    assert len(items) == len(found) == len({item.document.id for item in items})
    assert found == {text: expected[text] for text in found}
    assert 30 <= len(found) <= 54  # seven tenths are to be expected
    for item in items:
        assert item.source == "event_gsr"
        (sentence,) = item.document.sentences
        assert (sentence.start, sentence.end) == (0, len(item.document.text))
        assert not sentence.events
        assert not item.document.entities


def test_parts_are_scored_by_all_types_that_were_voted_for(many: Path):
    for name, types in (
        ("assault-test", [*types_of("ASSAULT"), "abduction"]),
        ("protest-dev", ["protest"]),
    ):
        benchmark = open_benchmark(f"public:{name}", source=many)
        plover = name.partition("-")[0].upper()
        counted = {own for own, other in benchmark.ruler.event_map.items() if other == plover}
        assert counted == set(types)
        assert (benchmark.data, benchmark.ruler.name) == (f"public:{name}", name)
        perfect = Answers(benchmark.documents, False, True, "x")
        assert evaluate(perfect, benchmark).scores.overall == 1
