"""What holds for every format: the table, detection, and the documents that come back."""

import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marsad.document import Document, Entity
from marsad.errors import DataError
from marsad.predictions import PREDICTIONS, read_predictions
from tests.predictions.systems import (
    GOLD,
    JSON_SYSTEMS,
    OTHER,
    blocks_of,
    conll,
    gliner,
    refusal,
    same_documents,
    spacy,
    write,
)


def test_formats_are_a_frozen_table():
    assert list(PREDICTIONS) == ["jsonl", "conll", "hf", "gliner", "spacy"]
    assert isinstance(PREDICTIONS, MappingProxyType)


def test_what_comes_back_is_the_annotated_document_with_other_marks(tmp_path: Path):
    gold = replace(GOLD, meta={"genre": "wire"})
    path = write(tmp_path / "a.json", [gliner(GOLD)[::-1], []])
    first, second = read_predictions(path, [gold, OTHER])
    assert same_documents([first, second], [gold, OTHER])
    assert first.entities == (Entity(20, 24, "GPE", 1), Entity(31, 41, "PER", 1))
    assert (first.coverage, first.model, first.warnings) == (1.0, None, None)
    assert first.meta == gold.meta
    assert (second.entities, second.coverage) == ((), 1.0)


def test_events_of_the_annotation_are_not_handed_to_the_system(
    documents: list[Document], tmp_path: Path
):
    assert any(s.events for d in documents for s in d.sentences)
    path = write(tmp_path / "a.json", [spacy(document) for document in documents])
    found = read_predictions(path, documents)
    assert not any(s.events for d in found for s in d.sentences)
    assert same_documents(found, documents)


def test_duplicates_are_dropped_and_overlaps_kept(tmp_path: Path):
    items = [
        {"start": 26, "end": 41, "label": "PER", "score": 0.5},
        {"start": 31, "end": 41, "label": "PER"},
        {"start": 31, "end": 41, "label": "PER", "score": 0.1},
        {"start": 31, "end": 41, "label": "person"},
    ]
    (found,) = read_predictions(write(tmp_path / "a.json", items), [GOLD])
    assert found.entities == (
        Entity(26, 41, "PER", 0.5),
        Entity(31, 41, "PER"),
        Entity(31, 41, "person"),
    )


@pytest.mark.parametrize("ending", [".conll", ".txt", ".tsv", ".bio", ".IOB"])
def test_columns_are_known_by_their_ending(tmp_path: Path, ending: str):
    path = write(tmp_path / f"a{ending}", conll(blocks_of(GOLD)))
    (found,) = read_predictions(path, [GOLD])
    assert [e.label for e in found.entities] == ["GPE", "PER"]


@pytest.mark.parametrize("system", JSON_SYSTEMS)
def test_json_is_known_by_its_fields(tmp_path: Path, system: str):
    name, answer = JSON_SYSTEMS[system]
    path = write(tmp_path / "a.json", [answer(OTHER), answer(GOLD)])
    assert read_predictions(path, [OTHER, GOLD]) == read_predictions(path, [OTHER, GOLD], name=name)


def test_own_records_are_known_in_json(tmp_path: Path):
    path = write(tmp_path / "a.json", f"{GOLD.to_json()}\n{OTHER.to_json()}\n")
    assert read_predictions(path, [GOLD, OTHER])[0].entities == GOLD.entities


@pytest.mark.parametrize("content", [[[], []], {"sy-001": [], "sy-002": []}])
def test_nothing_found_is_an_answer(tmp_path: Path, content: object):
    found = read_predictions(write(tmp_path / "a.json", content), [GOLD, OTHER])
    assert [(d.entities, d.coverage) for d in found] == [((), 1.0), ((), 1.0)]


@pytest.mark.parametrize(
    ("file", "content"),
    [("a.xml", "<a/>"), ("a", "x O"), ("a.json", 5), ("a.json", [[1]]), ("a.json", [{"a": 1}])],
)
def test_format_that_nothing_tells_is_refused(tmp_path: Path, file: str, content: object):
    message = refusal(write(tmp_path / file, content), [GOLD])
    assert message == (
        ": neither its ending nor its content tells the format; "
        "name one of jsonl, conll, hf, gliner, spacy"
    )


def test_unknown_name_is_refused(tmp_path: Path):
    message = refusal(tmp_path / "a.json", [GOLD], name="glinner")
    assert message.startswith(
        ": unknown format 'glinner' (did you mean 'gliner'?); known are jsonl"
    )


def test_predictions_without_annotation_are_refused(tmp_path: Path):
    assert "no annotated document" in refusal(write(tmp_path / "a.conll", "x O"), [])


@pytest.mark.parametrize("name", PREDICTIONS)
def test_files_that_cannot_be_read_are_refused(tmp_path: Path, name: str):
    assert "no such file" in refusal(tmp_path / "a.json", [GOLD], name=name)
    assert "empty" in refusal(write(tmp_path / "a.json", " \n"), [GOLD], name=name)


@pytest.mark.parametrize("name", ["jsonl", "hf", "gliner", "spacy"])
@pytest.mark.parametrize(
    "content", ["[", "{'a': 1}", "[" * 100_000, "[1" + "0" * 5000 + "]", '{"id": ' * 20_000]
)
def test_broken_json_is_refused(tmp_path: Path, name: str, content: str):
    assert "not JSON (" in refusal(write(tmp_path / "a.json", content), [GOLD], name=name)


@pytest.mark.parametrize("name", ["hf", "gliner", "spacy"])
def test_broken_line_is_named(tmp_path: Path, name: str):
    path = write(tmp_path / "a.json", "[]\n\n[]\n[\n")
    assert refusal(path, [GOLD, OTHER], name=name).startswith(":4: not JSON (")


OURS = ["id", "text", "sentences", "events", "type", "realis", "coverage", "warnings", "model"]
THEIRS = ["entities", "start", "end", "label", "score", "ents", "entity", "entity_group", "index"]
FIELDS = st.sampled_from([*OURS, *THEIRS, GOLD.id])
LEAVES = st.sampled_from(
    [None, True, 0, 3, 24, -1, 0.5, float("nan"), 10**400, "", "B-PER", GOLD.id, GOLD.text]
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=5),
    max_leaves=20,
)


@pytest.mark.parametrize("name", ["jsonl", "hf", "gliner", "spacy"])
@given(value=VALUES)
def test_whatever_the_content_nothing_else_escapes(
    tmp_path_factory: pytest.TempPathFactory, name: str, value: object
):
    path = tmp_path_factory.getbasetemp() / f"{name}.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    try:
        (found,) = read_predictions(path, [GOLD], name=name)
        said = found.text
    except DataError as error:
        said = str(error)
    assert said == GOLD.text or "\n" not in said
