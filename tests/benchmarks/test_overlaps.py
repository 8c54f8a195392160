"""Which names stand for the same texts."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from marsad.benchmarks import PUBLIC, SOURCE_VARIABLE, TRAINING, open_benchmark, open_training
from marsad.benchmarks.overlaps import HELD, TAUGHT, share_texts
from marsad.document import Document

FEW = 2  # texts that stand in both files of votes


def test_every_public_name_has_its_parts():
    assert HELD.keys() == PUBLIC.keys()
    assert TAUGHT.keys() == TRAINING.keys()
    assert all([*HELD.values(), *TAUGHT.values()])


def test_name_of_a_training_part_is_not_that_of_the_benchmark():
    assert share_texts(["public:wojood"], learnt=["public:wojood"], chosen_on=[]) == []
    assert share_texts(["public:wojood"], learnt=[], chosen_on=["public:wojood"]) == [
        "public:wojood"
    ]


def test_files_are_known_by_their_resolved_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    seen = share_texts(
        ["a/../b.jsonl", "c.jsonl"], learnt=[str(tmp_path / "b.jsonl")], chosen_on=[]
    )
    assert seen == ["a/../b.jsonl"]
    assert share_texts(["public:x", "c.jsonl"], learnt=["public:x"], chosen_on=[]) == []


def test_real_corpora_share_texts_where_their_parts_say_so():
    folder = os.environ.get(SOURCE_VARIABLE)
    if folder is None:
        pytest.skip(f"{SOURCE_VARIABLE} names no folder with the public corpora")
    source = Path(folder)
    held = {name: lines(open_benchmark(name, source=source).documents) for name in PUBLIC}
    taught = {
        name: lines(item.document for item in open_training(name, source=source))
        for name in TRAINING
    }
    for name, own in held.items():
        for other, theirs in held.items():
            assert (len(own & theirs) > FEW) == bool(HELD[name] & HELD[other]), (name, other)
        for other, theirs in taught.items():
            assert (len(own & theirs) > FEW) == bool(HELD[name] & TAUGHT[other]), (name, other)


def lines(documents: Iterable[Document]) -> set[str]:
    """Return the lines of texts, but for those of a few words, which a corpus repeats itself."""
    found = (line.strip() for document in documents for line in document.text.split("\n"))
    return {line for line in found if len(line.split()) > 5}
