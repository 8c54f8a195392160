from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marsad.benchmarks import Benchmark
from marsad.benchmarks.anercorp import ruler as anercorp_ruler
from marsad.calibration import Calibration, Curve
from marsad.decisions import Judgement
from marsad.document import Document, Entity, Event, Sentence
from marsad.errors import DataError
from marsad.evaluation import evaluate
from marsad.labels import scheme
from marsad.scoring import SCORER_VERSION, own_ruler, score
from marsad.systems import Answers, ask_system
from tests.scoring.test_uncertainty import blurred

TYPES = scheme().event_names


def benchmark_of(documents: list[Document]) -> Benchmark:
    return Benchmark("test.jsonl", documents, own_ruler(), "0" * 64, "documents", {"odd lines": 3})


def judged(document: Document, events: np.ndarray) -> Judgement:
    """Return what a model says: the mentions of the document, and scores of every type."""
    plain = replace(document, sentences=tuple(replace(s, events=()) for s in document.sentences))
    nothing = np.empty((0, 2), np.int64), np.empty(0, np.float32)
    return Judgement(plain, events.astype(np.float32), np.zeros(events.shape, np.int64), *nothing)


def model_answers(
    documents: list[Document], calibration: Calibration | None = None, *, seed: int = 0
) -> Answers:
    """Return what a fair model would say, with scores."""
    rng = np.random.default_rng(seed)
    judgements = []
    for document in documents:
        holds = [[name in {e.type for e in s.events} for name in TYPES] for s in document.sentences]
        chance = rng.random((len(holds), len(TYPES)))
        scores = np.where(holds, 0.2 + 0.8 * chance, 0.6 * chance**4)
        kept = (e for e in document.entities if rng.random() < 0.8)
        mentions = tuple(replace(e, score=float(rng.uniform(0.5, 1))) for e in kept)
        judgements.append(judged(replace(document, entities=mentions), scores))
    return answers_of(judgements, calibration or Calibration())


def answers_of(judgements: list[Judgement], calibration: Calibration) -> Answers:
    return Answers(
        documents=[judgement.decide(calibration) for judgement in judgements],
        entities=True,
        events=True,
        source="model.onnx",
        digest="0" * 16,
        judgements=judgements,
        calibration=calibration,
    )


def write(path: Path, documents: list[Document]) -> Path:
    path.write_text("".join(d.to_json() + "\n" for d in documents), encoding="utf-8")
    return path


def test_figures_are_the_scorers_and_say_where_they_come_from(documents: list[Document]):
    answers = model_answers(documents)
    own = evaluate(answers, benchmark_of(documents))
    plain = score(documents, answers.documents, entities=True, events=True)
    assert own.scores.entities == plain.entities
    assert own.scores.tables == plain.tables
    assert own.overall == plain.overall
    assert own.never_predicted == tuple(plain.never_predicted)
    assert (own.data, own.data_sha256, own.defects) == ("test.jsonl", "0" * 64, {"odd lines": 3})
    assert (own.ruler, own.scheme, own.scorer) == ("marsad", scheme().digest, SCORER_VERSION)
    assert (own.read_with, own.model) == ("model.onnx", "0" * 16)
    assert own.documents == tuple(d.id for d in documents)


def test_counts_sum_to_the_tables(documents: list[Document]):
    own = evaluate(model_answers(documents), benchmark_of(documents))
    for task, table in own.scores.tables.items():
        for name, row in table.per_name.items():
            counts = [rows[name] for rows in own.counts[task].values() if name in rows]
            right, annotated, claimed = (sum(column) for column in zip(*counts, strict=True))
            assert (annotated, claimed) == (row.support, row.predicted)
            assert right == pytest.approx(row.precision * row.predicted)
    assert own.counts.keys() == own.scores.tables.keys() == {"entities", "events"}


def test_predictions_without_events_have_no_event_scores(documents: list[Document], tmp_path: Path):
    silent = [
        replace(d, sentences=tuple(replace(s, events=()) for s in d.sentences)) for d in documents
    ]
    path = write(tmp_path / "own.jsonl", silent)
    own = evaluate(ask_system(path, documents), benchmark_of(documents))
    assert own.scores.events is None
    assert own.scores.entities is not None
    assert own.overall == own.scores.entities.strict.micro.f1 == 1
    assert own.counts.keys() == {"entities"}
    assert own.model is None
    assert own.read_with == str(path)


def test_trust_is_absent_where_scores_are(documents: list[Document], tmp_path: Path):
    path = write(tmp_path / "own.jsonl", blurred(documents, 0.2))
    own = evaluate(ask_system(path, documents), benchmark_of(documents))
    assert own.trust == {}
    assert own.scores.events is not None
    assert own.scores.events.ranking is None


def test_trust_in_predictions_of_others_is_of_what_they_claim(
    documents: list[Document], tmp_path: Path
):
    claims = [
        replace(
            d,
            entities=tuple(replace(e, score=0.75) for e in d.entities),
            sentences=tuple(
                replace(s, events=tuple(replace(e, score=0.5) for e in s.events))
                for s in d.sentences
            ),
        )
        for d in documents
    ]
    path = write(tmp_path / "own.jsonl", claims)
    own = evaluate(ask_system(path, documents), benchmark_of(documents))
    assert set(own.trust) == {"entities", "events"}
    for task, probability in (("entities", 0.75), ("events", 0.5)):
        trust, support = own.trust[task], own.scores.tables[task].micro.support
        assert trust.raw is None
        assert trust.given.ece == pytest.approx(1 - probability)
        assert trust.given.decisions == trust.risk.claims == support
        assert trust.risk.area == 0


def test_one_mention_without_a_score_leaves_no_trust(documents: list[Document], tmp_path: Path):
    scored = [
        replace(d, entities=tuple(replace(e, score=1) for e in d.entities)) for d in documents
    ]
    first = replace(scored[0], entities=(documents[0].entities[0], *scored[0].entities[1:]))
    path = write(tmp_path / "own.jsonl", [first, *scored[1:]])
    assert evaluate(ask_system(path, documents), benchmark_of(documents)).trust == {}


def test_trust_in_a_model_is_before_and_after_calibration_and_of_all_types(
    documents: list[Document],
):
    calibration = Calibration(entities=Curve(1.0, dict.fromkeys(scheme().entity_names, 3.0)))
    own = evaluate(model_answers(documents, calibration), benchmark_of(documents))
    sentences = sum(len(d.sentences) for d in documents)
    mentions = own.scores.tables["entities"].micro.predicted
    entities, events = own.trust["entities"], own.trust["events"]
    assert entities.raw is not None
    assert entities.given.ece < entities.raw.ece  # all its mentions are right
    assert entities.raw.decisions == entities.given.decisions == mentions
    assert events.raw is not None
    assert events.raw.ece == pytest.approx(events.given.ece, abs=1e-5)
    assert events.given.decisions == sentences * len(TYPES)
    assert events.risk.claims == own.scores.tables["events"].micro.predicted


def test_risk_is_measured_before_anything_is_withheld(documents: list[Document]):
    plain, careful = (
        evaluate(model_answers(documents, Calibration().abstaining(level)), benchmark_of(documents))
        for level in (0.0, 0.8)
    )
    assert careful.trust == plain.trust
    for task in ("entities", "events"):
        table = careful.scores.tables[task]
        assert table.micro.predicted < plain.trust[task].risk.claims


def test_sentences_are_ranked_by_probability_whatever_the_threshold(documents: list[Document]):
    plain, strict = (
        evaluate(model_answers(documents, Calibration(thresholds=t)), benchmark_of(documents))
        for t in ({}, dict.fromkeys(TYPES, 0.99))
    )
    assert plain.scores.events is not None
    assert strict.scores.events is not None
    assert plain.scores.events.ranking == strict.scores.events.ranking
    assert plain.scores.events.types != strict.scores.events.types
    ranking = plain.scores.events.ranking or {}
    held = {e.type for d in documents for s in d.sentences for e in s.events}
    assert set(ranking) == held
    assert all(r.chance < r.average_precision <= 1 for r in ranking.values())


def test_ranking_by_hand():
    siege = TYPES.index("siege")
    sentences = tuple(Sentence(i, i + 1) for i in range(4))
    held = tuple(replace(s, events=(Event("siege", "actual"),)) for s in sentences[::2])
    gold = Document("a", "سسسس", (held[0], sentences[1], held[1], sentences[3]))
    events = np.zeros((4, len(TYPES)))
    events[:, siege] = 0.9, 0.8, 0.7, 0.1  # right, wrong, right, wrong
    own = evaluate(answers_of([judged(gold, events)], Calibration()), benchmark_of([gold]))
    assert own.scores.events is not None
    ((name, ranking),) = (own.scores.events.ranking or {}).items()
    assert name == "siege"
    assert ranking.average_precision == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert (ranking.support, ranking.chance) == (2, 0.5)
    assert own.scores.events.types.micro.precision == pytest.approx(2 / 3)


def test_other_documents_are_refused(documents: list[Document]):
    answers = model_answers(documents)
    with pytest.raises(DataError, match="score the same texts"):
        evaluate(answers, benchmark_of(documents[1:]))
    with pytest.raises(DataError, match="not the annotated"):
        evaluate(answers, benchmark_of(documents[::-1]))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_system_that_shares_no_task_with_the_benchmark_is_refused():
    gold = Document("a", "عاد أحمد", (Sentence(0, 8),), (Entity(4, 8, "PERS"),))
    benchmark = Benchmark("public:anercorp", [gold], anercorp_ruler(), "0" * 64, "sentences")
    answers = replace(
        answers_of([judged(replace(gold, entities=()), np.zeros((1, len(TYPES))))], Calibration()),
        entities=False,
    )
    with pytest.raises(DataError, match="says nothing of what"):
        evaluate(answers, benchmark)


@pytest.mark.parametrize("called", ["CITY", "LOC"])
def test_what_others_call_a_label_does_not_change_the_annotation(tmp_path: Path, called: str):
    text = "من درعا إلى الفرات"
    gold = Document("a", text, (Sentence(0, 18),), (Entity(3, 7, "GPE"), Entity(12, 18, "LOC")))
    own = replace(gold, entities=(Entity(3, 7, called), Entity(12, 18, called)))
    path = write(tmp_path / "own.jsonl", [own])
    answers = ask_system(path, [gold], labels={called: "GPE", "WATER": "O"})
    table = evaluate(answers, benchmark_of([gold])).scores.tables["entities"]
    assert {name: s.support for name, s in table.per_name.items() if s.support} == {
        "GPE": 1,
        "LOC": 1,
    }
    assert table.micro.f1 == 0.5


def test_what_counts_as_nothing_is_dropped(tmp_path: Path):
    gold = Document("a", "من درعا", (Sentence(0, 7),), (Entity(3, 7, "GPE"),))
    path = write(tmp_path / "own.jsonl", [replace(gold, entities=(Entity(3, 7, "CITY"),))])
    assert ask_system(path, [gold], labels={"CITY": "O"}).documents[0].entities == ()
