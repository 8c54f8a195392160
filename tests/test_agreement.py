from dataclasses import replace

import pytest
from sklearn.metrics import cohen_kappa_score

from marsad.agreement import agree
from marsad.document import Document, Entity, Event, Sentence
from marsad.errors import DataError

TEXT = "حاصرت القوات درعا. ثم غادرت المدينة. ولم يعد أحد."
FIRST = Document(
    id="a",
    text=TEXT,
    sentences=(
        Sentence(0, 18, (Event("siege", "actual"), Event("killing", "planned"))),
        Sentence(19, 36, (Event("withdrawal", "actual"), Event("siege", "negated"))),
        Sentence(37, 49, (Event("displacement", "negated"),)),
    ),
    entities=(Entity(13, 17, "GPE"),),
)


def test_equal_annotations_agree_fully():
    agreement = agree([FIRST], [FIRST])
    assert agreement.scores.overall == 1
    assert agreement.realis_kappa == 1
    assert agreement.realis_support == 5


def test_differences_lower_the_figures():
    second = replace(
        FIRST,
        entities=(Entity(13, 17, "LOC"),),
        sentences=(
            replace(FIRST.sentences[0], events=(Event("siege", "planned"),)),
            FIRST.sentences[1],
            FIRST.sentences[2],
        ),
    )
    agreement = agree([FIRST], [second])
    assert agreement.scores.entities is not None
    assert agreement.scores.events is not None
    assert agreement.scores.entities.strict.micro.f1 == 0
    assert agreement.scores.events.types.micro.f1 == pytest.approx(8 / 9)
    expected = cohen_kappa_score(
        ["actual", "actual", "negated", "negated"], ["planned", "actual", "negated", "negated"]
    )
    assert agreement.realis_kappa == pytest.approx(expected)


def test_sentences_cut_differently_are_compared_whole():
    joined = Sentence(
        0,
        36,
        (Event("siege", "actual"), Event("killing", "planned"), Event("withdrawal", "actual")),
    )
    second = replace(FIRST, sentences=(joined, FIRST.sentences[2]))
    events = agree([FIRST], [second]).scores.events
    assert events is not None
    assert events.types.micro.f1 == 1
    assert (
        events.realis.end_to_end.micro.f1 == 1
    )  # actual beats negated where one type is reported twice
    assert events.sentences == 2


def test_what_either_has_behind_the_last_common_end_counts():
    last = Sentence(37, 50, (Event("aid", "planned"),))
    first, second = (
        replace(FIRST, text=f"{TEXT}\n", sentences=s)
        for s in (FIRST.sentences, (*FIRST.sentences[:2], last))
    )
    events = agree([first], [second]).scores.events
    assert events is not None
    assert (events.sentences, events.types.micro.support) == (3, 5)
    assert events.types.micro.f1 == pytest.approx(4 / 5)


def test_a_document_that_a_side_has_twice_is_refused():
    with pytest.raises(DataError, match="'a' is given twice"):
        agree([FIRST], [FIRST, FIRST])


def test_only_shared_documents_count():
    agreement = agree([FIRST, replace(FIRST, id="b")], [FIRST])
    assert agreement.left_out == 1
    assert agreement.scores.documents == 1


def test_other_documents_and_other_texts_are_refused():
    with pytest.raises(DataError, match="share no document"):
        agree([FIRST], [replace(FIRST, id="b")])
    with pytest.raises(DataError, match="texts differ"):
        agree([FIRST], [replace(FIRST, text=TEXT + " ")])
