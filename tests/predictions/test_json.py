"""JSON of Hugging Face, GLiNER and spaCy: round trips, containers and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, BertConfig, BertForTokenClassification, pipeline

from marsad.document import Document, Entity
from marsad.predictions import read_predictions
from tests.predictions.systems import (
    GOLD,
    JSON_SYSTEMS,
    OTHER,
    aggregated,
    gliner,
    refusal,
    spacy,
    write,
)

SPANS = [(e.start, e.end, e.label) for e in GOLD.entities]
LISTS = ["hf", "hf pieces", "gliner"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.json"


def spans(document: Document) -> list[tuple[int, int, str]]:
    return [(e.start, e.end, e.label) for e in document.entities]


@pytest.mark.parametrize("system", JSON_SYSTEMS)
@pytest.mark.parametrize("lines", [False, True])
def test_annotation_comes_back(path: Path, documents: list[Document], system: str, lines: bool):
    name, answer = JSON_SYSTEMS[system]
    answers = [answer(document) for document in documents]
    content = "\n".join(json.dumps(a) for a in answers) if lines else answers
    found = read_predictions(write(path, content), documents, name=name)
    assert [spans(d) for d in found] == [sorted(spans(d)) for d in documents]
    assert {d.coverage for d in found} == {1.0}
    assert found == read_predictions(path, documents)


@pytest.mark.parametrize("system", LISTS)
def test_documents_may_be_given_by_id(path: Path, documents: list[Document], system: str):
    _, answer = JSON_SYSTEMS[system]
    content = {document.id: answer(document) for document in documents[:0:-2]}
    content[documents[1].id] = None
    found = read_predictions(write(path, content), documents)
    for document, gold in zip(found, documents, strict=True):
        there = content.get(gold.id) is not None
        assert spans(document) == (sorted(spans(gold)) if there else [])
        assert document.coverage == float(there)


@pytest.mark.parametrize("system", LISTS)
def test_one_document_may_be_a_flat_list(path: Path, system: str):
    name, answer = JSON_SYSTEMS[system]
    for content in (answer(GOLD), [answer(GOLD)]):
        (found,) = read_predictions(write(path, content), [GOLD])
        assert spans(found) == SPANS
    (found,) = read_predictions(write(path, []), [GOLD], name=name)
    assert (found.entities, found.coverage) == ((), 1.0)


def test_one_spacy_document_may_stand_alone(path: Path):
    assert spans(read_predictions(write(path, spacy(GOLD)), [GOLD])[0]) == SPANS


@pytest.mark.parametrize("name", ["hf", "gliner", "spacy"])
def test_other_number_of_documents_is_refused(path: Path, name: str):
    content = [[]] * 3
    assert refusal(write(path, content), [GOLD, OTHER], name=name) == (
        ": 3 documents, and 2 are annotated; give one for each, in the same order"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gliner(GOLD), ": one flat list, and 2 documents are annotated; give a list for each"),
        ({"sy-01": []}, ": no annotated document is 'sy-01' (did you mean 'sy-001'?); remove it"),
        ("5", ": 5 is no list; give a list of entities a document"),
        ([[], 5], ": document 'sy-002': 5 is no list; give the list of its entities"),
        ([[5], []], ": document 'sy-001', entity 1: 5 is no object; give its fields"),
        ({"sy-002": "x"}, ": document 'sy-002': 'x' is no list; give the list of its entities"),
    ],
)
@pytest.mark.parametrize("name", ["hf", "gliner"])
def test_other_containers_are_refused(path: Path, name: str, content: object, message: str):
    assert refusal(write(path, content), [GOLD, OTHER], name=name) == message


OFFSETS = [
    ({"start": "20"}, "`start` is '20' and `end` 24; give whole numbers, the offsets in"),
    ({"start": True}, "`start` is True and `end` 24; give whole numbers"),
    ({"end": 24.0}, "`start` is 20 and `end` 24.0; give whole numbers"),
    ({"start": -1}, "-1..24 is no span of the annotated text of 57 characters; predict on that"),
    ({"end": 58}, "20..58 is no span of the annotated text of 57 characters"),
    ({"start": 25}, "25..24 is no span"),
    ({"score": 1.5}, "`score` is 1.5; give a number from 0 to 1, or leave it out"),
    ({"score": "0.5"}, "`score` is '0.5'; give a number"),
    ({"score": float("nan")}, "`score` is nan; give a number"),
]


@pytest.mark.parametrize("system", ["hf", "hf pieces", "gliner", "spacy"])
@pytest.mark.parametrize(("change", "message"), OFFSETS)
def test_unfit_mentions_are_refused(path: Path, system: str, change: Any, message: str):
    name, answer = JSON_SYSTEMS[system]
    content: Any = answer(GOLD)
    items = content["ents"] if name == "spacy" else content
    items[0] |= {"start": 20, "end": 24} | change
    said = refusal(write(path, content), [GOLD], name=name)
    assert said.startswith(f": document 'sy-001', entity 1: {message}")


@pytest.mark.parametrize("system", ["gliner", "spacy"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"start": 19, "text": "درعا"},
            "19..24 is ' درعا' in the annotated text and 'درعا' in the file; give offsets in code "
            "points of the annotated text",
        ),
        ({"text": 5}, "20..24 is 'درعا' in the annotated text and 5 in the file"),
        ({"start": 24}, "24..24 is empty; leave it out or correct its offsets"),
        ({"start": None}, "`start` is None and `end` 24; give whole numbers"),
        ({"label": ""}, "`label` is ''; give the name of the label"),
        ({"label": 5}, "`label` is 5; give the name of the label"),
    ],
)
def test_mentions_of_another_text_are_refused(path: Path, system: str, change: Any, message: str):
    name, answer = JSON_SYSTEMS[system]
    content: Any = answer(GOLD)
    (content["ents"] if name == "spacy" else content)[0] |= change
    said = refusal(write(path, content), [GOLD], name=name)
    assert said.startswith(f": document 'sy-001', entity 1: {message}")


def test_scores_are_kept(path: Path):
    (found,) = read_predictions(write(path, aggregated(GOLD)), [GOLD])
    assert [e.score for e in found.entities] == [0.75, 0.75]
    (found,) = read_predictions(write(path, spacy(GOLD)), [GOLD])
    assert [e.score for e in found.entities] == [None, None]


def piece(tag: str, index: int, start: int, end: int, score: float | None = None) -> dict[str, Any]:
    return {"entity": tag, "index": index, "start": start, "end": end, "score": score}


@pytest.mark.parametrize(
    ("pieces", "wanted"),
    [
        ([piece("B-PER", 7, 31, 35), piece("I-PER", 8, 36, 41)], [(31, 41, "PER")]),
        ([piece("B-PER", 7, 31, 35), piece("I-PER", 9, 36, 41)], [(31, 35), (36, 41)]),
        ([piece("B-PER", 7, 31, 35), piece("B-PER", 8, 36, 41)], [(31, 35), (36, 41)]),
        ([piece("B-PER", 7, 31, 35), piece("I-LOC", 8, 36, 41)], [(31, 35), (36, 41, "LOC")]),
        ([piece("B-PER", 7, 31, 33), piece("B-PER", 8, 33, 35)], [(31, 35)]),
        ([piece("B-PER", 7, 31, 33), piece("B-LOC", 8, 33, 35)], [(31, 33), (33, 35, "LOC")]),
        ([piece("PER", 7, 31, 35), piece("PER", 8, 36, 41)], [(31, 41)]),
        ([piece("I-PER", 7, 31, 35), piece("O", 8, 36, 41)], [(31, 35)]),
        # a tokenizer that counts the space before a word to its first piece
        ([piece("B-PER", 7, 30, 35), piece("B-PER", 8, 35, 41)], [(31, 35), (36, 41)]),
        # one that makes a piece of it, one that lets the pieces overlap, one that leaves it empty
        ([piece("B-PER", 7, 30, 31), piece("I-PER", 8, 31, 35)], [(31, 35)]),
        ([piece("B-PER", 7, 31, 32), piece("B-PER", 8, 31, 35)], [(31, 35)]),
        ([piece("B-PER", 7, 31, 31), piece("B-PER", 8, 31, 35)], [(31, 35)]),
        ([piece("B-PER", 7, 30, 31)], []),
        ([{"entity_group": "PER", "start": 30, "end": 42}], [(31, 41)]),
        ([{"entity_group": "O", "start": 0, "end": 4}], []),
    ],
)
def test_pieces_are_joined(path: Path, pieces: list[Any], wanted: list[tuple[Any, ...]]):
    (found,) = read_predictions(write(path, pieces), [GOLD], name="hf")
    assert spans(found) == [span if len(span) == 3 else (*span, "PER") for span in wanted]


def test_score_of_joined_pieces_is_their_mean(path: Path):
    pieces = [piece("B-PER", 7, 31, 35, 0.5), piece("I-PER", 8, 36, 41, 0.75)]
    assert read_predictions(write(path, pieces), [GOLD])[0].entities == (
        Entity(31, 41, "PER", 0.625),
    )
    pieces[0]["score"] = None
    assert read_predictions(write(path, pieces), [GOLD])[0].entities == (Entity(31, 41, "PER"),)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (piece("B-PER", 7, None, None), "has no offsets; use a fast tokenizer (use_fast=True)"),
        ({"entity_group": "PER", "word": "x"}, "has no offsets; use a fast tokenizer"),
        (piece("B-PER", None, 31, 35), "`index` is None, and pieces are joined by it; give what"),
        ({"start": 1, "end": 2}, "`entity` is None; give the name of the label"),
        ({"entity_group": None, "start": 1, "end": 2}, "`entity_group` is None; give the name"),
    ],
)
def test_items_that_no_pipeline_returns_are_refused(path: Path, item: object, message: str):
    said = refusal(write(path, [item]), [GOLD], name="hf")
    assert said.startswith(f": document 'sy-001', entity 1: {message}")


@pytest.mark.parametrize("strategy", ["none", "simple", "first"])
def test_what_the_pipeline_returns_is_read(path: Path, tiny_encoder: Path, strategy: str):
    torch.manual_seed(1)
    labels = ["O", "B-PER", "I-PER", "B-GPE", "I-GPE"]
    config = BertConfig.from_pretrained(tiny_encoder, id2label=dict(enumerate(labels)))
    tokenizer = AutoTokenizer.from_pretrained(tiny_encoder)
    model = BertForTokenClassification(config).eval()
    tagger = pipeline(
        "token-classification", model, tokenizer=tokenizer, aggregation_strategy=strategy
    )
    items = tagger([GOLD.text, OTHER.text])
    write(path, json.dumps(items, default=float))
    found = read_predictions(path, [GOLD, OTHER])
    for document, own in zip(found, items, strict=True):
        marked = np.zeros(len(document.text), dtype=bool)
        for entity in document.entities:
            assert 0 < entity.score <= 1
            marked[entity.start : entity.end] = True
        assert own
        assert all(marked[item["start"] : item["end"]].all() for item in own)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([{"ents": []}], "has no `text`; give the text that the system read"),
        ([{"text": GOLD.text}], "has no `ents`; give what Doc.to_json returns"),
        ([5], "5 is no object; give what Doc.to_json returns"),
        ([{"text": GOLD.text, "ents": 5}], "5 is no list; give the list of its entities"),
        (
            [{"text": GOLD.text.replace("درعا", "حمص"), "ents": []}],
            "from 20 on its text is 'حمص. وقال أحمد الشرع' and the annotated one "
            "'درعا. وقال أحمد الشر'; predict on the annotated text, documents in its order",
        ),
        ([{"text": GOLD.text[:-1], "ents": []}], "from 56 on its text is '' and the annotated one"),
    ],
)
def test_other_spacy_documents_are_refused(path: Path, content: object, message: str):
    said = refusal(write(path, content), [GOLD], name="spacy")
    assert said.startswith(f": document 'sy-001': {message}")


def test_parts_of_training_data_are_counted(path: Path):
    content = [{"text": GOLD.text, "entities": [[20, 24, "GPE"], [20, 24]]}]
    assert refusal(write(path, content), [GOLD], name="spacy").startswith(
        ": document 'sy-001', entity 2: [20, 24] is no object"
    )
