"""The index of a folder of models."""

from pathlib import Path

import pytest

from marsad.cli import run
from marsad.training import train
from tests.runs import tiny_run


def test_models_and_encoders_have_a_line_each(
    tiny_encoder: Path, tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = train(tiny_run(tiny_encoder, tiny_corpus, tmp_path / "models" / "m"))
    assert run(["card", "index", str(tmp_path / "models")]) == 2
    assert "README.md" in capsys.readouterr().err
    assert run(["evaluate", str(folder.path), str(tiny_corpus / "test.jsonl")]) == 0
    assert run(["card", "write", str(folder.path)]) == 0
    assert run(["card", "index", str(tmp_path / "models")]) == 0
    text = (tmp_path / "models" / "README.md").read_text(encoding="utf-8")
    assert "| [tiny](m/README.md) | joint |" in text
    assert "\n## tiny\n\n| data | size | strict span micro F1 |" in text


def test_no_other_readme_is_overwritten(
    tiny_encoder: Path, tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = train(tiny_run(tiny_encoder, tiny_corpus, tmp_path / "models" / "m"))
    assert run(["card", "index", str(folder.path)]) == 2
    assert "holds no model folders" in capsys.readouterr().err
    (tmp_path / "models" / "README.md").write_text("of somebody", encoding="utf-8")
    assert run(["card", "index", str(tmp_path / "models")]) == 2
    assert "is no index" in capsys.readouterr().err
    assert (tmp_path / "models" / "README.md").read_text(encoding="utf-8") == "of somebody"


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["card", "index", str(tmp_path / "nowhere")]) == 2
    assert "no such folder" in capsys.readouterr().err
