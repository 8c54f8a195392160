from dataclasses import replace

import numpy as np
import pytest

from marsad.benchmarks import Benchmark
from marsad.calibration import Calibration
from marsad.decisions import Judgement
from marsad.disagreements import rank_entities, rank_events
from marsad.document import Entity, Event, Sentence
from marsad.labels import scheme
from marsad.scoring import own_ruler
from marsad.systems import Answers
from marsad.text.words import find_words
from tests.scoring.test_scores import GOLD

OWN = replace(
    GOLD,
    sentences=(
        Sentence(0, 37, (Event("siege", "planned", 0.8), Event("arrest", "actual", 0.6))),
        Sentence(38, 47, (Event("withdrawal", "planned", 0.9),)),
    ),
    entities=(Entity(6, 17, "ORG", 0.7), Entity(18, 23, "GPE", 0.9), Entity(38, 40, "DATE", 0.4)),
)
BENCHMARK = Benchmark("a.jsonl", [GOLD], own_ruler(), "")


def judged() -> Answers:
    """What a model of ours says: the same, with probabilities of what it left out."""
    names = scheme().event_names
    scores = np.full((2, len(names)), 0.1, dtype=np.float32)
    for name, score in (("siege", 0.8), ("arrest", 0.6), ("killing", 0.02)):
        scores[0, names.index(name)] = score
    scores[1, names.index("withdrawal")] = 0.9
    realis = np.zeros_like(scores, dtype=np.int64)
    realis[0, names.index("siege")] = realis[1, names.index("withdrawal")] = 2
    words = find_words(GOLD.text)
    outside = np.full(len(words), 0.5, dtype=np.float32)
    outside[list(words[:, 0]).index(24)] = 0.95  # مئات, which it says is in no mention
    plain = replace(OWN, sentences=GOLD.sentences)
    judgement = Judgement(plain, scores, realis, words, outside)
    calibration = Calibration()
    return Answers(
        [judgement.decide(calibration)], True, True, "model.onnx", "d", [judgement], calibration
    )


def test_disagreements_on_mentions_come_the_surest_first():
    found = rank_entities(judged(), BENCHMARK)
    assert [(d.kind, d.gold, d.own) for d in found] == [
        ("missed", "مئات NUM", None),
        ("clitic", "درعا GPE", "بدرعا GPE"),
        ("type", "قوات النظام MIL", "قوات النظام ORG"),
        ("spurious", None, "ثم DATE"),
    ]
    assert [d.confidence for d in found] == pytest.approx([0.95, 0.9, 0.7, 0.4])
    assert found[1].mark == (18, 23)
    assert (found[1].start, found[1].end) == (0, 37)
    assert found[1].text == GOLD.text[:37]


def test_disagreements_on_events_have_the_probability_of_either_view():
    found = rank_events(judged(), BENCHMARK)
    assert [(d.kind, d.gold, d.own) for d in found] == [
        ("missed", "killing negated", None),
        ("spurious", None, "arrest actual"),
        ("realis", "siege actual", "siege planned"),
    ]
    assert [d.confidence for d in found[:2]] == pytest.approx([0.98, 0.6], abs=1e-6)
    assert found[2].confidence is None  # both sides report the type that a probability is of


def test_what_predictions_of_others_leave_out_has_no_confidence_and_comes_last():
    answers = Answers([OWN], True, True, "own.jsonl")
    assert rank_entities(answers, BENCHMARK)[-1].confidence is None
    assert rank_events(answers, BENCHMARK)[-1].gold == "killing negated"


def test_where_both_sides_agree_there_is_nothing():
    answers = Answers([GOLD], True, True, "own.jsonl")
    assert rank_entities(answers, BENCHMARK) == rank_events(answers, BENCHMARK) == []


def test_record_of_a_disagreement_is_plain_json():
    record = rank_entities(judged(), BENCHMARK)[0].to_record()
    assert record["document"] == "a"
    assert record["mark"] == (24, 28)
