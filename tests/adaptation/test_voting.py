"""Votes of several models on one text."""

import pytest

from marsad.adaptation.voting import vote
from marsad.document import Document, Entity, Event, Sentence

TEXT = "قصفت طائرات مدينة درعا. وصل وفد درعا إلى عمان."


def answer(*entities: tuple[str, str], events: tuple[Event, ...] = ()) -> Document:
    """Return what a model says: the first place of each surface, or the one after ``|``."""
    found = []
    for surface, label in entities:
        lead, _, name = surface.rpartition("|")
        start = TEXT.index(lead + name) + len(lead)
        found.append(Entity(start, start + len(name), label, 0.5))
    cut = TEXT.index(".") + 1
    sentences = (Sentence(0, cut, events), Sentence(cut + 1, len(TEXT)))
    return Document("d", TEXT, sentences, tuple(sorted(found)))


def surfaces(document: Document) -> list[tuple[str, str]]:
    return [(document.mention(e), e.label) for e in document.entities]


def test_a_mention_has_the_share_of_the_models_that_report_it():
    voted = vote([answer(("عمان", "GPE")), answer(("عمان", "GPE")), answer(("وفد", "ORG"))])
    assert surfaces(voted) == [("وفد", "ORG"), ("عمان", "GPE")]
    assert [e.score for e in voted.entities] == pytest.approx([1 / 3, 2 / 3])
    assert [voted.is_unsure(e) for e in voted.entities] == [True, False]
    assert voted.model is None


def test_half_of_the_models_leave_a_mention_unsure():
    voted = vote([answer(("عمان", "GPE")), answer()])
    assert voted.is_unsure(voted.entities[0])


def test_one_name_in_one_text_is_one_thing():
    voted = vote(
        [
            answer(("مدينة |درعا", "GPE")),
            answer(("مدينة |درعا", "GPE"), ("وفد |درعا", "GPE")),
            answer(),
        ]
    )
    assert surfaces(voted) == [("درعا", "GPE"), ("درعا", "GPE")]
    assert [e.score for e in voted.entities] == pytest.approx([2 / 3, 2 / 3])


def test_of_mentions_that_overlap_the_one_with_more_votes_stays():
    whole, part = ("مدينة درعا", "GPE"), ("مدينة |درعا", "GPE")
    voted = vote([answer(part), answer(part), answer(whole), answer(whole), answer(part)])
    assert surfaces(voted) == [("درعا", "GPE")]


def test_a_mention_that_annotated_documents_must_not_hold_is_left_out():
    voted = vote([answer(("درعا.", "GPE"))] * 3)
    assert voted.entities == ()


def test_events_have_shares_and_their_usual_realis():
    strike, other = "airstrike", "protest"
    voted = vote(
        [
            answer(events=(Event(strike, "actual"), Event(other, "actual"))),
            answer(events=(Event(strike, "planned"),)),
            answer(events=(Event(strike, "actual"),)),
        ]
    )
    assert voted.sentences[0].events == (
        Event(strike, "actual", 1.0),
        Event(other, "actual", 1 / 3),
    )
    assert voted.sentences[1].events == ()


def test_one_model_alone_is_believed():
    voted = vote([answer(("عمان", "GPE"))])
    assert surfaces(voted) == [("عمان", "GPE")]
