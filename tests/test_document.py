import json

import pytest

from marsad.document import Document, Entity, Event, ModelStamp, Sentence, parse_document
from marsad.errors import DataError

TEXT = "حصار درعا."
PLAIN = Document(
    id="a",
    text=TEXT,
    sentences=(Sentence(0, 10, (Event("siege", "actual"),)),),
    entities=(Entity(5, 9, "GPE"),),
    meta={"genre": "wire"},
)
PREDICTED = Document(
    id="a",
    text=TEXT,
    sentences=(Sentence(0, 10, (Event("siege", "actual", 0.97),)),),
    entities=(Entity(5, 9, "GPE", 0.99),),
    coverage=1.0,
    warnings=(),
    model=ModelStamp("m", "1", "abc"),
)


@pytest.mark.parametrize("document", [PLAIN, PREDICTED])
def test_record_reads_back(document: Document):
    assert parse_document(json.loads(document.to_json()), "here") == document


def test_predicted_record_is_a_corpus_document_with_scores():
    record = PREDICTED.to_record()
    assert record["entities"] == [
        {"start": 5, "end": 9, "label": "GPE", "text": "درعا", "score": 0.99}
    ]
    assert record["sentences"][0]["events"] == [
        {"type": "siege", "realis": "actual", "family": "coercion", "score": 0.97}
    ]
    assert record["coverage"] == 1.0


@pytest.mark.parametrize(
    "record",
    [
        [],
        {"id": "a"},
        {"id": 3, "text": "x"},
        {"id": "a", "text": "x", "entities": [{"start": 0}]},
        {"id": "a", "text": "x", "entities": [{"start": 0.5, "end": 1, "label": "PER"}]},
        {"id": "a", "text": "x", "entities": [{"start": True, "end": 1, "label": "PER"}]},
        {"id": "a", "text": "x", "sentences": 7},
        {"id": "a", "text": "x", "model": {"name": "m"}},
    ],
)
def test_malformed_record_names_its_place(record: object):
    with pytest.raises(DataError, match=r"corpus\.jsonl:3"):
        parse_document(record, "corpus.jsonl:3")
