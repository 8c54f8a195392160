from dataclasses import replace

import numpy as np
import pytest
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2

from marsad.document import Document, Entity, Event, Sentence
from marsad.errors import DataError
from marsad.evaluation import best_threshold
from marsad.mistakes import count_mistakes
from marsad.scoring import score

GOLD = Document(
    id="a",
    text="حاصرت قوات النظام بدرعا مئات المدنيين ثم انسحبت",
    sentences=(
        Sentence(0, 37, (Event("siege", "actual"), Event("killing", "negated"))),
        Sentence(38, 47, (Event("withdrawal", "planned"),)),
    ),
    entities=(Entity(6, 17, "MIL"), Entity(19, 23, "GPE"), Entity(24, 28, "NUM")),
)


def with_entities(*entities: Entity) -> Document:
    return replace(GOLD, entities=entities)


def test_perfect_prediction_scores_one():
    scores = score([GOLD], [GOLD], entities=True, events=True)
    assert scores.entities is not None
    assert scores.events is not None
    assert scores.entities.micro.f1 == scores.entities.macro_f1 == scores.entities.seqeval_f1 == 1
    assert scores.events.micro.f1 == scores.events.macro_f1 == scores.events.realis_accuracy == 1
    assert scores.overall == 1
    assert scores.never_predicted == []


def test_strict_spans_want_start_end_and_label():
    own = with_entities(Entity(6, 17, "ORG"), Entity(18, 23, "GPE"), Entity(24, 28, "NUM"))
    entities = score([GOLD], [own], entities=True, events=False).entities
    assert entities is not None
    assert entities.micro.f1 == pytest.approx(1 / 3)
    assert entities.per_label["NUM"].f1 == 1
    assert entities.per_label["GPE"].f1 == 0  # the proclitic is inside
    assert entities.per_label["MIL"].support == 1
    assert entities.per_label["ORG"].predicted == 1
    assert entities.macro_f1 == pytest.approx(1 / 3)  # MIL, GPE, NUM are annotated


@pytest.mark.parametrize(
    ("own", "kind"),
    [
        (Entity(19, 23, "ORG"), "type"),
        (Entity(18, 23, "GPE"), "clitic"),
        (Entity(12, 23, "GPE"), "boundary"),
        (Entity(18, 28, "ORG"), "type_and_boundary"),
        (None, "missed"),
    ],
)
def test_mistakes_have_one_kind_each(own: Entity | None, kind: str):
    gold = replace(GOLD, entities=(Entity(19, 23, "GPE"),))
    predicted = with_entities(*([own] if own else []))
    assert {k: n for k, n in count_mistakes([gold], [predicted]).items() if n} == {kind: 1}


def test_claim_that_overlaps_nothing_is_spurious():
    own = with_entities(*GOLD.entities, Entity(38, 40, "NUM"))
    assert count_mistakes([GOLD], [own])["spurious"] == 1
    assert sum(count_mistakes([GOLD], [GOLD]).values()) == 0


def test_token_level_figure_is_seqevals_and_blind_to_proclitics():
    own = with_entities(Entity(6, 17, "ORG"), Entity(18, 23, "GPE"))
    entities = score([GOLD], [own], entities=True, events=False).entities
    gold = [["O", "B-MIL", "I-MIL", "B-GPE", "B-NUM", "O", "O", "O"]]
    claim = [["O", "B-ORG", "I-ORG", "B-GPE", "O", "O", "O", "O"]]
    assert entities is not None
    assert entities.seqeval_f1 == f1_score(gold, claim, mode="strict", scheme=IOB2)


def test_documents_without_entities_are_scored():
    empty = with_entities()
    entities = score([empty], [empty], entities=True, events=False).entities
    assert entities is not None
    assert (entities.micro.f1, entities.seqeval_f1, entities.micro.support) == (0, 0, 0)


def test_events_are_sets_and_realis_counts_apart():
    own = replace(
        GOLD,
        sentences=(
            Sentence(0, 37, (Event("siege", "planned"), Event("arrest", "actual"))),
            Sentence(38, 47, (Event("withdrawal", "planned"),)),
        ),
    )
    scores = score([GOLD], [own], entities=False, events=True)
    events = scores.events
    assert events is not None
    assert events.micro.f1 == pytest.approx(2 / 3)
    assert events.with_realis_micro.f1 == pytest.approx(1 / 3)
    assert (events.realis_accuracy, events.realis_support) == (0.5, 2)
    assert events.exact_set_accuracy == 0.5
    assert events.per_type["arrest"].predicted == 1
    assert events.per_family["coercion"].f1 == 1  # siege and arrest are one family
    assert events.macro_f1 == pytest.approx(2 / 3)
    assert scores.never_predicted == ["killing"]


def test_other_texts_or_sentences_are_refused():
    with pytest.raises(DataError, match="not the annotated"):
        score([GOLD], [replace(GOLD, text=GOLD.text + "!")], entities=True, events=False)
    with pytest.raises(DataError, match="sentences differ"):
        score([GOLD], [replace(GOLD, sentences=())], entities=False, events=True)


def test_best_threshold_is_the_one_with_the_best_f1():
    class Fixed:
        def probabilities(self, _: object) -> list[np.ndarray]:
            scores = np.full((2, 23), 0.35, dtype=np.float32)
            scores[0, [6, 11]] = 0.7  # killing and siege, both annotated
            scores[1, 2] = 0.6  # withdrawal, annotated
            scores[1, 5] = 0.55  # explosive_device, not annotated
            return [scores]

    threshold = best_threshold(Fixed(), [GOLD])
    assert 0.55 < threshold <= 0.6
