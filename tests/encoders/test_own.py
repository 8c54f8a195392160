"""The encoder that comes with marsad."""

import shutil
from pathlib import Path

import pytest
import torch

from marsad.adaptation.card import read_record
from marsad.adaptation.folder import EncoderFolder
from marsad.adaptation.settings import load_adaptation
from marsad.benchmarks.provenance import licence_asked
from marsad.cli import run
from marsad.encoders import builtin, own
from marsad.encoders.builtin import builtin_folder
from marsad.encoders.loading import load_encoder
from marsad.encoders.own import OWN
from marsad.errors import ModelError
from tests.conftest import ROOT

FOLDER = EncoderFolder(ROOT / "models" / OWN)


def test_it_loads_without_another_package(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(builtin, "_package_file", lambda *_: pytest.fail("asked for a package"))
    encoder = load_encoder(f"builtin:{OWN}")
    assert encoder.cleaning == "marks"
    inputs = encoder.tokenizer("قصفت طائرة مسيرة مقرا للشرطة في درعا.", return_tensors="pt")
    with torch.inference_mode():
        output = encoder.model(**inputs).last_hidden_state
    assert output.shape[-1] == 384
    assert output.isfinite().all()


def test_it_is_whole_small_and_of_open_texts():
    FOLDER.verify()
    assert sum(path.stat().st_size for path in FOLDER.path.iterdir()) < 45e6
    config = load_adaptation(FOLDER["run"])
    assert all(path.parts[0] == "runs" for path in config.teaching.models)
    assert read_record(FOLDER).teaching.labelled.words > 100_000


def test_its_card_is_what_its_record_makes(tmp_path: Path):
    copy = tmp_path / "models" / OWN
    shutil.copytree(FOLDER.path, copy)
    written = FOLDER["card"].read_text(encoding="utf-8")
    assert run(["card", "encoder", str(copy)]) == 0
    made = (copy / "README.md").read_text(encoding="utf-8")
    assert made.replace(str(copy), f"models/{OWN}") == written


def test_an_installation_without_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(own, "__file__", str(tmp_path / "a" / "b" / "c" / "own.py"))
    with pytest.raises(ModelError, match="not in this installation"):
        builtin_folder(OWN)


def test_a_model_over_it_is_under_its_licence():
    asked = licence_asked(["data/corpus/train.jsonl"], f"builtin:{OWN}")
    assert asked.licence == "cc-by-sa-4.0"
    assert str(asked).startswith("The licence of its encoder, marsad-encoder, asks for the same")
    assert licence_asked(["data/corpus/train.jsonl"], "builtin:me5-small-ar") is None
