"""A model folder made smaller, to be passed on."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

import marsad
from marsad.cli import run
from marsad.config import load_config, with_values
from marsad.errors import DataError, ModelError
from marsad.files import atomic_write
from marsad.metrics import read_metrics
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


def chosen_by_a_search(folder: ModelFolder, values: Mapping[str, object]) -> None:
    config = load_config(folder["run"])
    with atomic_write(folder["search"]) as out:
        out.write(with_values(config, values).to_yaml())
    folder.write_checksums()


def test_one_file_of_weights_goes_along_and_the_card_is_true(folder: ModelFolder, tmp_path: Path):
    assert run(["card", "release", str(folder.path), str(tmp_path / "small")]) == 0
    small = ModelFolder(tmp_path / "small")
    assert names(folder) - names(small) == {"model.safetensors"}
    assert names(small) - names(folder) == {"README.md"}
    assert [own for own in verify(small) if own.problem and not own.skipped] == []
    assert marsad.load(small.path)(SENTENCE) == marsad.load(folder.path)(SENTENCE)


def test_how_it_was_chosen_goes_along(folder: ModelFolder, tmp_path: Path):
    chosen_by_a_search(folder, {"seed": 99})
    small = release(folder, tmp_path / "small")
    assert "A search chose values" in small["card"].read_text(encoding="utf-8")
    assert small["search"].read_bytes() == folder["search"].read_bytes()
    assert [own for own in verify(small, sample=1) if own.problem and not own.skipped] == []


def test_a_search_for_other_values_stays(folder: ModelFolder, tmp_path: Path):
    chosen_by_a_search(folder, {"train.learning_rate": 0.5})
    assert not release(folder, tmp_path / "small")["search"].exists()


def test_figures_of_a_file_that_stays_are_not_stated(folder: ModelFolder, tmp_path: Path):
    with pytest.raises(ModelError, match=r"are of model\.onnx, not of model\.safetensors"):
        release(folder, tmp_path / "small", file="weights")
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
    with pytest.raises(DataError, match="not an empty folder"):
        release(folder, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
