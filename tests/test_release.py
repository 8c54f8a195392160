"""A model folder made smaller, to be passed on."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import marsad
import marsad.card
from marsad.cli import run
from marsad.config import load_config, with_values
from marsad.errors import DataError, ModelError
from marsad.files import atomic_write
from marsad.metrics import Choice, read_metrics, write_metrics
from marsad.model_folder import ModelFolder
from marsad.release import release
from marsad.training import train
from marsad.verification import verify
from tests.runs import tiny_run

SENTENCE = "قصفت طائرة مسيرة مقرا للشرطة في درعا صباح الثلاثاء."


@pytest.fixture(scope="module")
def folder(
    tiny_encoder: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> ModelFolder:
    """An exported and evaluated model."""
    made = train(tiny_run(tiny_encoder, tiny_corpus, tmp_path_factory.mktemp("release") / "m"))
    assert run(["export", str(made.path), "--no-int8"]) == 0
    assert run(["evaluate", str(made.path), str(tiny_corpus / "test.jsonl")]) == 0
    return made


def names(folder: ModelFolder) -> set[str]:
    return {path.name for path in folder.path.iterdir()}


def test_one_file_of_weights_goes_along_and_the_card_is_true(folder: ModelFolder, tmp_path: Path):
    assert run(["card", "release", str(folder.path), str(tmp_path / "small")]) == 0
    small = ModelFolder(tmp_path / "small")
    assert names(folder) - names(small) == {"model.safetensors"}
    assert names(small) - names(folder) == {"README.md"}
    assert [own for own in verify(small) if own.problem and not own.skipped] == []
    assert marsad.load(small.path)(SENTENCE) == marsad.load(folder.path)(SENTENCE)


def test_how_it_was_chosen_goes_along(folder: ModelFolder, tmp_path: Path):
    with atomic_write(folder.path / "best.yaml") as out:  # as a search does
        out.write(with_values(load_config(folder["run"]), {"seed": 99}).to_yaml())
    small = release(folder, tmp_path / "small")
    (folder.path / "best.yaml").unlink()
    assert read_metrics(small).choice == Choice(searched=True)
    assert "A search chose values" in small["card"].read_text(encoding="utf-8")
    assert [own for own in verify(small, sample=1) if own.problem and not own.skipped] == []
    again = release(small, tmp_path / "again")
    assert again["card"].read_bytes() == small["card"].read_bytes()


def test_figures_of_a_file_that_stays_are_not_stated(folder: ModelFolder, tmp_path: Path):
    with pytest.raises(ModelError, match=r"this model\.safetensors, read with model\.onnx"):
        release(folder, tmp_path / "small", file="weights")
    metrics = read_metrics(folder)
    (own,) = metrics.evaluations.values()
    older = replace(own, model="0" * 16)
    try:
        write_metrics(metrics.with_evaluation(older), folder)
        with pytest.raises(ModelError, match=r"another file than this model\.onnx"):
            release(folder, tmp_path / "small")
        write_metrics(replace(metrics, evaluations={}), folder)
        with pytest.raises(ModelError, match=rf"{folder.path}: holds no figures yet"):
            release(folder, tmp_path / "small")
    finally:
        write_metrics(metrics, folder)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_model_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["card", "release", str(tmp_path / "nowhere"), str(tmp_path / "small")]) == 2
    assert "no such model folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_changed_is_not_passed_on(folder: ModelFolder, tmp_path: Path):
    metrics = read_metrics(folder)
    text = folder["metrics"].read_text(encoding="utf-8")
    record = json.loads(text)
    own = next(iter(record["evaluations"].values()))
    own["overall"] = 1.0
    try:
        folder["metrics"].write_text(json.dumps(record), encoding="utf-8")
        with pytest.raises(ModelError, match=r"metrics\.json: does not match SHA256SUMS"):
            release(folder, tmp_path / "small")
    finally:
        folder["metrics"].write_text(text, encoding="utf-8")
    assert read_metrics(folder) == metrics
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(folder: ModelFolder, tmp_path: Path):
    (tmp_path / "README.md").write_text("mine", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path)
    for target in (tmp_path, tmp_path / "link", tmp_path / "README.md"):
        with pytest.raises(DataError, match="not an empty folder"):
            release(folder, target)
    with pytest.raises(DataError, match="cannot be written"):
        release(folder, tmp_path / "README.md" / "small")
    assert {path.name for path in tmp_path.iterdir()} == {"README.md", "link"}


def test_an_empty_folder_is_filled(
    folder: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "small").mkdir()
    monkeypatch.chdir(tmp_path / "small")
    release(folder, Path())
    assert marsad.card.load(tmp_path / "small").name == "tiny"
