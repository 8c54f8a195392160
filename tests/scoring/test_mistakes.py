from dataclasses import replace

from marsad.document import Document, Entity
from marsad.labels import OUTSIDE
from marsad.scoring import own_ruler, score
from marsad.scoring.entities import paired
from marsad.scoring.matching import pair_mentions
from marsad.scoring.mistakes import count_confusions, count_mistakes, find_mistakes

NAMES = ("PER", "ORG", "GPE")
GOLD = Document(
    id="a",
    text="قال أحمد إن الفرقة انسحبت من درعا وحمص",
    entities=(
        Entity(4, 8, "PER"),
        Entity(12, 18, "ORG"),
        Entity(29, 33, "GPE"),
        Entity(35, 38, "GPE"),
    ),
)
OWN = replace(
    GOLD,
    entities=(
        Entity(0, 3, "PER"),  # nothing there
        Entity(4, 8, "ORG"),  # another label
        Entity(12, 25, "ORG"),  # other words
        Entity(29, 33, "GPE"),
    ),
)


def test_confusions_count_labels_and_what_nothing_answers():
    confusion = count_confusions(paired([GOLD], [OWN]), NAMES)
    assert [*confusion] == [*confusion["PER"]] == [*NAMES, OUTSIDE]
    counted = {(a, b): n for a, row in confusion.items() for b, n in row.items() if n}
    assert counted == {
        ("PER", "ORG"): 1,
        ("ORG", "ORG"): 1,
        ("GPE", "GPE"): 1,
        ("GPE", OUTSIDE): 1,
        (OUTSIDE, "PER"): 1,
    }


def test_rows_of_a_confusion_are_the_support_and_columns_the_claims(documents: list[Document]):
    own = [
        replace(d, entities=(*d.entities[1:3], *d.entities[4:], Entity(0, 1, "WEA")))
        for d in documents
    ]
    entities = score(documents, own, entities=True, events=False).entities
    assert entities is not None
    for name in own_ruler().entities:
        row = entities.confusion[name]
        column = {other: own_row[name] for other, own_row in entities.confusion.items()}
        assert sum(row.values()) == entities.strict.per_name[name].support
        assert sum(column.values()) == entities.strict.per_name[name].predicted
    assert entities.confusion[OUTSIDE][OUTSIDE] == 0
    assert sum(entities.confusion[OUTSIDE].values()) > 0


def test_mistakes_are_pairs_that_are_not_right():
    own = replace(GOLD, entities=(Entity(26, 33, "ORG"), Entity(34, 38, "GPE")))
    found = {m.kind: (m.gold, m.own) for m in find_mistakes(GOLD, pair_mentions(GOLD, own))}
    del found["missed"]
    assert found == {
        "type_and_boundary": (Entity(29, 33, "GPE"), Entity(26, 33, "ORG")),
        "clitic": (Entity(35, 38, "GPE"), Entity(34, 38, "GPE")),
    }


def test_a_second_claim_on_one_mention_is_spurious():
    gold = replace(GOLD, entities=GOLD.entities[1:2])
    own = replace(GOLD, entities=(Entity(12, 16, "ORG"), Entity(12, 18, "ORG")))
    (mistake,) = find_mistakes(gold, pair_mentions(gold, own))
    assert (mistake.kind, mistake.own) == ("spurious", Entity(12, 16, "ORG"))


def test_every_mention_is_right_or_in_one_mistake(documents: list[Document]):
    own = [replace(d, entities=d.entities[::2]) for d in documents]
    counts = count_mistakes(documents, paired(documents, own))
    right = sum(len(d.entities) for d in own)
    assert counts["missed"] == sum(len(d.entities) for d in documents) - right
    assert sum(counts.values()) == counts["missed"]
