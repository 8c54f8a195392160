from dataclasses import replace

import numpy as np
import pytest

from marsad.benchmarks import anercorp
from marsad.document import Document, Entity, Event, Sentence
from marsad.errors import DataError
from marsad.labels import OUTSIDE, bio_tags, scheme
from marsad.scoring import Ruler, conll_ruler, own_ruler, score

TEXT = "القتال بدرعا - دمشق"
PLAIN = Document("a", TEXT, (Sentence(0, 19),))


def with_events(*events: Event) -> Document:
    return replace(PLAIN, sentences=(Sentence(0, 19, events),))


def labels_of(document: Document) -> list[str]:
    return [e.label for e in document.entities]


def test_our_labels_roll_up_to_conlls():
    names = scheme().entity_names
    entities = tuple(Entity(i, i + 1, name) for i, name in enumerate(names))
    read = conll_ruler().read(replace(PLAIN, entities=entities))
    assert dict(zip((names[e.start] for e in read.entities), labels_of(read), strict=True)) == {
        "PER": "PER",
        "NORP": "MISC",
        "ORG": "ORG",
        "MIL": "ORG",
        "GPE": "LOC",
        "LOC": "LOC",
        "FAC": "LOC",
        "EVENT": "MISC",
    }
    assert set(conll_ruler().entities) == {"PER", "LOC", "ORG", "MISC"}


def test_rolled_up_mentions_are_right_where_the_class_is():
    gold = replace(PLAIN, entities=(Entity(8, 12, "GPE"), Entity(15, 19, "MIL")))
    own = replace(PLAIN, entities=(Entity(8, 12, "FAC"), Entity(15, 19, "ORG")))
    entities = score([gold], [own], entities=True, events=False).entities
    assert entities is not None
    assert entities.conll is not None
    assert entities.strict.micro.f1 == 0
    assert entities.conll["strict"].micro.f1 == 1
    assert entities.conll["strict"].micro.support == 2


def test_own_ruler_changes_nothing(documents: list[Document]):
    ruler = own_ruler()
    for document in documents:
        read = ruler.read(document)
        assert read.entities == document.entities
        assert [set(s.events) for s in read.sentences] == [
            set(s.events) for s in document.sentences
        ]


def test_names_are_mapped_and_dropped():
    ruler = Ruler("x", entities=("PER", "LOC"), entity_map={"CITY": "LOC", "DATE": OUTSIDE})
    entities = (Entity(0, 6, "DATE"), Entity(8, 12, "CITY", 0.5), Entity(15, 19, "LOC"))
    read = ruler.read(replace(PLAIN, entities=entities))
    assert read.entities == (Entity(8, 12, "LOC", 0.5), Entity(15, 19, "LOC"))


def test_ruler_without_names_scores_nothing():
    marked = replace(with_events(Event("siege", "actual")), entities=(Entity(8, 12, "CITY"),))
    read = Ruler("x").read(marked)
    assert read.entities == ()
    assert read.sentences == PLAIN.sentences


@pytest.mark.parametrize(("label", "near"), [("CITY", ""), ("NROP", " (did you mean 'NORP'?)")])
def test_unknown_label_is_refused_with_what_to_do(label: str, near: str):
    with pytest.raises(DataError) as caught:
        own_ruler().read(replace(PLAIN, entities=(Entity(8, 12, label),)))
    assert str(caught.value) == (
        f"document 'a': label {label!r} is not scored{near}; "
        f"say what it counts as with --label {label}=NAME (O for nothing)"
    )


def test_unknown_event_is_refused():
    with pytest.raises(DataError, match="document 'a': event 'raid' is not scored"):
        own_ruler().read(with_events(Event("raid", "actual")))


def test_name_that_counts_as_an_unknown_one_is_refused():
    known = ", ".join(scheme().entity_names)
    with pytest.raises(DataError) as caught:
        own_ruler().check_targets({"PERSON": "PER", "MISC": OUTSIDE, "CITY": "GPEE"})
    assert str(caught.value) == (
        f"label CITY=GPEE: 'GPEE' is not scored (did you mean 'GPE'?); scored are {known}"
    )


def test_mentions_are_widened_to_whole_tokens():
    ruler = Ruler("x", entities=("LOC",), entity_map={"GPE": "LOC"}, whole_tokens=True)
    entities = (Entity(8, 12, "GPE", 0.5), Entity(15, 17, "GPE"))
    read = ruler.read(replace(PLAIN, entities=entities))
    assert [read.mention(e) for e in read.entities] == ["بدرعا", "دمشق"]
    assert read.entities[0].score == 0.5


def test_a_proclitic_makes_no_difference_on_whole_tokens():
    ruler = Ruler("x", entities=("GPE",), whole_tokens=True)
    gold, own = (replace(PLAIN, entities=(Entity(i, 12, "GPE"),)) for i in (7, 8))
    entities = score([gold], [own], entities=True, events=False, ruler=ruler).entities
    assert entities is not None
    assert entities.strict.micro.f1 == 1


@pytest.mark.parametrize(
    "scores",
    [(None, None), (0.9, 0.9), (0.9, 0.8)],
)
def test_two_mentions_in_one_token_become_one(scores: tuple[float | None, float | None]):
    document = Document("a", "درعا-دمشق هادئة", (Sentence(0, 15),))
    entities = (Entity(0, 4, "GPE", scores[0]), Entity(5, 9, "GPE", scores[1]))
    read = Ruler("x", entities=("GPE",), whole_tokens=True).read(
        replace(document, entities=entities)
    )
    assert [read.mention(e) for e in read.entities] == ["درعا-دمشق"]


def test_event_is_as_likely_as_the_likeliest_of_its_types():
    names = scheme().event_names
    families = {"airstrike": "FIGHT", "shelling": "FIGHT", "protest": "CROWD"}
    mapped = {name: families.get(name, OUTSIDE) for name in names}
    ruler = Ruler("x", events=("CROWD", "FIGHT"), event_map=mapped)
    probabilities = np.zeros((2, len(names)), np.float32)
    probabilities[0, [names.index("airstrike"), names.index("shelling")]] = 0.25, 0.75
    probabilities[1, [names.index("protest"), names.index("siege")]] = 0.5, 1
    assert ruler.event_columns(probabilities).tolist() == [[0, 0.75], [0.5, 0]]


def test_our_own_columns_stay_as_they_are():
    probabilities = np.random.default_rng(0).random((3, len(scheme().events)), np.float32)
    assert np.array_equal(own_ruler().event_columns(probabilities), probabilities)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (("planned", "negated", "actual"), "actual"),
        (("planned", "negated"), "negated"),
        (("actual", "planned"), "actual"),
        (("planned", "planned"), "planned"),
    ],
)
def test_of_types_that_become_one_the_surest_realis_counts(given: tuple[str, ...], kept: str):
    types = ("airstrike", "shelling", "killing")
    mapped = dict.fromkeys(types, "ASSAULT")
    events = [Event(type_, realis) for type_, realis in zip(types, given, strict=False)]
    ruler = Ruler("x", events=("ASSAULT",), event_map=mapped)
    (sentence,) = ruler.read(with_events(*events)).sentences
    assert sentence.events == (Event("ASSAULT", kept),)


def test_of_types_that_become_one_the_likeliest_says_how_likely():
    mapped = dict.fromkeys(("airstrike", "shelling", "killing"), "ASSAULT")
    events = (
        Event("killing", "planned", 0.6),
        Event("airstrike", "actual", 0.31),
        Event("shelling", "negated", 0.97),
    )
    ruler = Ruler("x", events=("ASSAULT",), event_map=mapped)
    (sentence,) = ruler.read(with_events(*events)).sentences
    assert sentence.events == (Event("ASSAULT", "actual", 0.97),)


def test_tags_are_read_in_the_labels_of_a_corpus():
    reading = anercorp.ruler().tag_reading()
    assert reading.names == bio_tags(("PERS", "LOC", "ORG", "MISC"))
    members = {
        name: {own for own, chosen in zip(scheme().tags, column, strict=True) if chosen}
        for name, column in zip(reading.names, reading.members.T, strict=True)
    }
    assert members["B-LOC"] == {"B-GPE", "B-LOC", "B-FAC"}
    assert members["I-ORG"] == {"I-ORG", "I-MIL"}
    unscored = {f"{bi}-{label}" for bi in "BI" for label in ("OCC", "WEA", "DATE", "NUM")}
    assert members["O"] == {"O"} | unscored
    assert (reading.members.sum(axis=1) == 1).all()  # each of our tags counts once


def test_our_own_labels_are_read_as_they_are():
    assert own_ruler().tag_reading() is None
    assert Ruler("events alone", events=("protest",)).tag_reading() is None
    assert Ruler("others", entities=("X",)).tag_reading() is None  # nothing leads from ours to it
