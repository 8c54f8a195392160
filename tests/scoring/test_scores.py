from dataclasses import replace

import pytest
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2

from marsad.document import Document, Entity, Event, Sentence
from marsad.errors import DataError
from marsad.scoring import score
from marsad.scoring.entities import paired
from marsad.scoring.mistakes import count_mistakes

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
    assert scores.entities.strict.micro.f1 == scores.entities.seqeval.f1 == 1
    assert scores.events.types.micro.f1 == scores.events.realis.accuracy == 1
    assert scores.overall == 1
    assert scores.never_predicted == []


def test_strict_spans_want_start_end_and_label():
    own = with_entities(Entity(6, 17, "ORG"), Entity(18, 23, "GPE"), Entity(24, 28, "NUM"))
    entities = score([GOLD], [own], entities=True, events=False).entities
    assert entities is not None
    assert entities.strict.micro.f1 == pytest.approx(1 / 3)
    assert entities.strict.per_name["NUM"].f1 == 1
    assert entities.strict.per_name["GPE"].f1 == 0  # the proclitic is inside
    assert entities.strict.per_name["MIL"].support == 1
    assert entities.strict.per_name["ORG"].predicted == 1
    assert entities.strict.macro_f1 == pytest.approx(1 / 3)  # MIL, GPE, NUM are annotated


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
    assert {k: n for k, n in count_mistakes([gold], paired([gold], [predicted])).items() if n} == {
        kind: 1
    }


def test_claim_that_overlaps_nothing_is_spurious():
    own = with_entities(*GOLD.entities, Entity(38, 40, "NUM"))
    assert count_mistakes([GOLD], paired([GOLD], [own]))["spurious"] == 1
    assert sum(count_mistakes([GOLD], paired([GOLD], [GOLD])).values()) == 0


def test_token_level_figure_is_seqevals_and_blind_to_proclitics():
    own = with_entities(Entity(6, 17, "ORG"), Entity(18, 23, "GPE"))
    entities = score([GOLD], [own], entities=True, events=False).entities
    gold = [["O", "B-MIL", "I-MIL", "B-GPE", "B-NUM", "O", "O", "O"]]
    claim = [["O", "B-ORG", "I-ORG", "B-GPE", "O", "O", "O", "O"]]
    assert entities is not None
    assert entities.seqeval.f1 == f1_score(gold, claim, mode="strict", scheme=IOB2)


def test_documents_without_entities_are_scored():
    empty = with_entities()
    entities = score([empty], [empty], entities=True, events=False).entities
    assert entities is not None
    assert (entities.strict.micro.f1, entities.seqeval.f1, entities.strict.micro.support) == (
        0,
        0,
        0,
    )


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
    assert events.types.micro.f1 == pytest.approx(2 / 3)
    assert events.realis.end_to_end.micro.f1 == pytest.approx(1 / 3)
    assert (events.realis.accuracy, events.realis.support) == (0.5, 2)
    assert events.exact_set_accuracy == 0.5
    assert events.types.per_name["arrest"].predicted == 1
    assert events.families.per_name["coercion"].f1 == 1  # siege and arrest are one family
    assert events.types.macro_f1 == pytest.approx(2 / 3)
    assert scores.never_predicted == ["killing"]


def test_other_texts_or_sentences_are_refused():
    with pytest.raises(DataError, match="not the annotated"):
        score([GOLD], [replace(GOLD, text=GOLD.text + "!")], entities=True, events=False)
    with pytest.raises(DataError, match="sentences differ"):
        score([GOLD], [replace(GOLD, sentences=())], entities=False, events=True)
