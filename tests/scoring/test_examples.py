"""Right and wrong answers that a card quotes."""

from dataclasses import replace

import pytest

from marsad.document import Document, Entity, Event, Sentence
from marsad.labels import scheme
from marsad.scoring import own_ruler
from marsad.scoring.examples import Example, draw_examples

TEXT = "قصفت طائرات درعا. وصل وفد إلى عمان."
CUT = TEXT.index(".") + 1


def entity(surface: str, label: str) -> Entity:
    start = TEXT.index(surface)
    return Entity(start, start + len(surface), label)


@pytest.fixture
def gold() -> Document:
    sentences = (Sentence(0, CUT, (Event("airstrike", "actual"),)), Sentence(CUT + 1, len(TEXT)))
    return Document("d", TEXT, sentences, (entity("درعا", "GPE"), entity("عمان", "GPE")))


def test_right_wrong_and_claimed_for_nothing(gold: Document):
    own = replace(
        gold,
        entities=(entity("طائرات", "WEA"), entity("درعا", "GPE"), entity("عمان", "LOC")),
        sentences=(
            replace(gold.sentences[0], events=(Event("shelling", "actual"),)),
            gold.sentences[1],
        ),
    )
    drawn = draw_examples([gold], [own], own_ruler())
    first, second = TEXT[:CUT], TEXT[CUT + 1 :]
    places = drawn["entities"]["GPE"]
    assert places.right == Example("d", first, ("GPE: درعا",), ("GPE: درعا",))
    assert places.wrong == Example("d", second, ("GPE: عمان",), ("LOC: عمان",))
    assert drawn["entities"]["WEA"].right is None
    assert drawn["entities"]["WEA"].wrong == Example("d", first, (), ("WEA: طائرات",))
    for name in ("airstrike", "shelling"):
        assert drawn["events"][name].wrong == Example("d", first, ("airstrike",), ("shelling",))
        assert drawn["events"][name].right is None


def test_every_name_is_there_in_the_order_of_the_scheme(gold: Document):
    drawn = draw_examples([gold], [gold], own_ruler())
    assert tuple(drawn["entities"]) == scheme().entity_names
    assert tuple(drawn["events"]) == scheme().event_names
    assert list(draw_examples([gold], [gold], own_ruler(), events=False)) == ["entities"]


def test_the_order_of_documents_draws_nothing_else(documents: list[Document]):
    own = [replace(document, entities=document.entities[::2]) for document in documents]
    drawn = draw_examples(documents, own, own_ruler())
    assert draw_examples(documents[::-1], own[::-1], own_ruler()) == drawn
    assert all(pair.right for pair in drawn["events"].values())
    assert all(pair.right and pair.wrong for pair in drawn["entities"].values())
