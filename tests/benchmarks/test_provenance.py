"""What a card says of where a corpus is from."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from marsad.benchmarks.provenance import licence_asked, provenance
from marsad.document import Document
from marsad.errors import DataError
from marsad.formats import jsonl
from tests.conftest import CORPUS

SYNTHETIC = "texts and annotation were written by a language model, not by people, and the events"


def file_of(folder: Path, documents: Sequence[Document]) -> str:
    path = folder / "own.jsonl"
    jsonl.write(documents, path)
    return str(path)


def test_synthetic_texts_are_known_by_their_metadata_at_any_path(
    documents: list[Document], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(CORPUS.parent.parent)
    copy = file_of(tmp_path, documents[:3])  # as folds are written
    for path in ("data/corpus/dev.jsonl", "./data/corpus/dev.jsonl", CORPUS / "dev.jsonl", copy):
        assert provenance(str(path)).startswith(SYNTHETIC)


def test_part_of_a_file_may_be_synthetic(documents: list[Document], tmp_path: Path):
    found = replace(documents[0], meta={"origin": "a news agency"})
    assert provenance(file_of(tmp_path, [found, *documents[1:3]])).startswith(
        f"of 2 of its 3 documents, {SYNTHETIC}"
    )


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ({"origin": "a news agency"}, "where its texts are from stands in its documents"),
        ({}, "its documents do not say where its texts are from"),
    ],
)
def test_other_files_are_not_called_synthetic(
    documents: list[Document], tmp_path: Path, meta: dict[str, str], expected: str
):
    assert provenance(file_of(tmp_path, [replace(documents[0], meta=meta)])) == expected


def test_file_that_is_gone_or_damaged(tmp_path: Path):
    path = tmp_path / "own.jsonl"
    assert provenance(str(path)) == "not at hand when this card was written"
    path.write_text("x\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"own\.jsonl:1: not JSON"):
        provenance(str(path))


def test_public_corpora_say_who_made_them_and_under_what_licence():
    assert provenance("public:anercorp+context") == (
        "ANERcorp in the CAMeL Lab split (Benajiba et al. 2007; Obeid et al. 2020): named entities "
        "(PERS, LOC, ORG, MISC); CC BY-SA 4.0, on request, for that benchmark only; "
        "https://camel.abudhabi.nyu.edu/anercorp/"
    )
    assert provenance("public:event_gsr") == (
        "arabic_event_gsr (Open Event Data Alliance 2018): sentences voted to report an event "
        "class of PLOVER, or not (ASSAULT, PROTEST); MIT; "
        "https://github.com/openeventdata/arabic_event_gsr"
    )


def test_licence_is_asked_for_by_what_must_be_shared_alike():
    asked = licence_asked(["public:wojood", "public:anercorp"])
    assert asked is not None
    assert asked.licence == "cc-by-sa-4.0"
    assert licence_asked(["public:wojood", "public:event_gsr", "own.jsonl"]) is None


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense: CC-BY-SA-4.0\nmodel_name: enc\n---\n# x", "cc-by-sa-4.0"),
        ("---\nlicense: apache-2.0\n---\n", None),
        ("---\nSee: docs: here\n---\n", None),
        ("---\nplain words\n---\n", None),
        ("# no metadata", None),
    ],
)
def test_an_encoder_under_a_share_alike_licence_asks_for_it(
    card: str, licence: str | None, tmp_path: Path
):
    (tmp_path / "README.md").write_text(card, encoding="utf-8")
    asked = licence_asked(["own.jsonl"], str(tmp_path))
    assert (asked.licence if asked else None) == licence
    if asked:
        assert "its encoder, enc, asks for the same licence" in str(asked)
