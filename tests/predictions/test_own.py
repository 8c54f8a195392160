"""Our own JSON Lines: matched by id, with events, coverage and model."""

from dataclasses import replace
from pathlib import Path

import pytest

from marsad.document import Document, Entity, Event, ModelStamp, Sentence
from marsad.predictions import read_predictions
from tests.predictions.systems import GOLD, OTHER, refusal, write

STAMP = ModelStamp("marsad", "1", "0123456789abcdef")
EVENTS = (Event("shelling", "actual", 0.9),)
PREDICTED = replace(
    GOLD,
    sentences=(replace(GOLD.sentences[0], events=EVENTS), GOLD.sentences[1]),
    entities=(Entity(20, 24, "GPE", 0.5),),
    meta={"of": "the system"},
    coverage=0.75,
    warnings=("odd",),
    model=STAMP,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.jsonl"


def lines(*documents: Document) -> str:
    return "".join(f"{document.to_json()}\n" for document in documents)


def test_annotation_comes_back(path: Path, documents: list[Document]):
    found = read_predictions(write(path, lines(*documents[::-1])), documents)
    assert [replace(d, coverage=None) for d in found] == documents
    assert {d.coverage for d in found} == {1.0}


def test_prediction_keeps_what_the_record_says(path: Path):
    (found,) = read_predictions(write(path, lines(PREDICTED)), [GOLD])
    assert found == replace(PREDICTED, meta=GOLD.meta)


def test_an_array_of_records_is_read_as_their_lines_are(path: Path):
    """`marsad predict -o answers.json` writes one."""
    array = path.with_suffix(".json")
    write(array, f"[{PREDICTED.to_json()}]")
    assert read_predictions(array, [GOLD]) == read_predictions(
        write(path, lines(PREDICTED)), [GOLD]
    )
    write(array, '[{"id": "a", "text": 3}]')
    assert "record 1: a document needs a string `id`" in refusal(array, [GOLD])


def test_missing_document_is_unread(path: Path):
    found = read_predictions(write(path, lines(PREDICTED)), [OTHER, GOLD])
    assert (found[0].entities, found[0].coverage, found[0].model) == ((), 0.0, None)
    assert (found[1].coverage, found[1].model) == (0.75, STAMP)


def test_sentences_matter_only_with_events(path: Path):
    whole = (Sentence(0, 57),)
    entities = (GOLD.entities[1], *GOLD.entities, replace(GOLD.entities[1], score=0.5))
    plain = replace(GOLD, sentences=whole, entities=entities)
    (found,) = read_predictions(write(path, lines(plain)), [GOLD])
    assert (found.sentences, found.entities) == (GOLD.sentences, GOLD.entities)
    with_events = replace(GOLD, sentences=(replace(whole[0], events=EVENTS),))
    assert refusal(write(path, lines(with_events)), [GOLD]) == (
        ":1: document 'sy-001' has events on other sentences than the annotated ones; predict on "
        "those, or leave the events out"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"id"', '"ID"', "a document needs a string `id` and a string `text`"),
        ("sy-001", "sy-01", "no annotated document is 'sy-01' (did you mean 'sy-001'?); remove it"),
        ("درعا. ", "حمص. ", "from 20 on its text is 'حمص. وقال أحمد الشرع' and the annotated"),
        ('"end": 24', '"end": 240', "entity 20..240 is empty or outside the text of 57 characters"),
        ('"start": 20', '"start": 24', "entity 24..24 is empty or outside the text"),
        ('"start": 20', '"start": "20"', "document 'sy-001' is malformed"),
        ('"label": "GPE"', '"label": ""', "entity 20..24 has no label; give it one"),
        ('"score": 0.5', '"score": 2', "`score` is 2; give a number from 0 to 1, or leave it out"),
        ('"score": 0.9', '"score": "x"', "document 'sy-001' is malformed"),
        ('"coverage": 0.75', '"coverage": 75', "`coverage` is 75; give a number from 0 to 1"),
        ('"type": "shelling"', '"type": "x"', "sentence 0..25: unknown event type 'x'"),
        ('"realis": "actual"', '"realis": "x"', "sentence 0..25: unknown realis 'x'"),
        ('"start": 0', '"start": 30', "sentence 30..25 is empty, outside the text"),
    ],
)
def test_unfit_records_are_refused(path: Path, old: str, new: str, message: str):
    content = lines(PREDICTED)
    assert old in content
    said = refusal(write(path, content.replace(old, new)), [GOLD])
    assert said.startswith(f":1: {message}")


def test_record_given_twice_is_refused(path: Path):
    said = refusal(write(path, lines(GOLD, OTHER, GOLD)), [GOLD, OTHER])
    assert said == f":3: document 'sy-001' again; see {path}:1, and keep one"


def test_line_that_is_no_object_is_refused(path: Path):
    assert refusal(write(path, "[]"), [GOLD]) == ":1: a JSON list; one object a line"
