import json
from collections.abc import Callable
from pathlib import Path

import pytest

from marsad.benchmarks import open_benchmark
from marsad.config import RunConfig, load_config, with_values
from marsad.document import Document
from marsad.errors import ConfigError, ModelError, TrainingError
from marsad.evaluation import score_reader
from marsad.finished_runs import adopt, best_scoring, is_finished, train_once
from marsad.formats import jsonl
from marsad.locking import alone
from marsad.model_folder import ModelFolder
from marsad.runtime import open_reader
from marsad.training import train
from tests.conftest import ended_otherwise
from tests.runs import stamps


@pytest.mark.slow
def test_run_is_trained_again_when_damaged_or_of_other_data(
    quick: RunConfig, documents: list[Document]
):
    def trained_anew(config: RunConfig) -> bool:
        before = weights.stat().st_mtime_ns if weights.exists() else None
        train_once(config)
        ModelFolder(config.output).verify()
        return weights.stat().st_mtime_ns != before

    quick = with_values(quick, {"output": str(quick.output / "seeds" / "1"), "train.epochs": 1})
    weights = ModelFolder(quick.output)["weights"]
    assert trained_anew(quick)
    rest = quick.output / "checkpoints" / "checkpoint-1"
    rest.mkdir(parents=True)  # of a kill after the model was written
    assert not trained_anew(quick)
    assert not rest.parent.exists()
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert trained_anew(quick)
    weights.unlink()
    assert trained_anew(quick)
    jsonl.write(map(ended_otherwise, documents[:3]), Path(quick.data.dev))
    assert trained_anew(with_values(quick, {"train.warmup": 0.5}))
    assert not trained_anew(with_values(quick, {"train.warmup": 0.5}))


def test_finished_run_stays_whatever_cannot_change_it_and_says_why_if_it_does_not(
    quick: RunConfig, caplog: pytest.LogCaptureFixture
):
    quick = with_values(quick, {"train.epochs": 1})
    folder = train_once(quick)
    before = stamps(quick.output.parent)
    other = with_values(
        quick,
        {
            "export.max_flips": 0.5,
            "data.test": quick.data.dev,
            "train.trackers": ["tensorboard"],
        },
    )
    assert train_once(other) == folder
    assert stamps(quick.output.parent) == before
    assert load_config(folder["run"]) == other
    folder.verify()
    assert not caplog.records

    def says(config: RunConfig, reason: str) -> bool:
        caplog.clear()
        finished = is_finished(config)
        (record,) = caplog.records
        return not finished and f"{folder.path}: made anew, for {reason}" in record.getMessage()

    assert says(with_values(other, {"seed": 5, "train.warmup": 0.5}), "it differs in seed, train")
    calibration = folder["calibration"].read_bytes()
    folder["calibration"].write_bytes(calibration + b" ")
    assert says(other, f"{folder['calibration']}: does not match")
    folder["calibration"].unlink()
    assert says(other, "calibration.json is missing")
    folder["calibration"].write_bytes(calibration)
    assert is_finished(other)
    moved = Path(other.data.train or "").rename(folder.path.parent / "moved.jsonl")
    assert says(with_values(other, {"data.train": str(moved)}), f"{other.data.train}: no such file")


@pytest.mark.slow
def test_killed_run_of_other_data_does_not_pass_for_the_finished_one_before_it(
    quick: RunConfig, documents: list[Document], monkeypatch: pytest.MonkeyPatch
):
    train_once(quick)
    jsonl.write(map(ended_otherwise, documents[:3]), Path(quick.data.dev))

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("marsad.finished_runs.train", killed)  # before its first checkpoint
        with pytest.raises(KeyboardInterrupt):
            train_once(quick)
    folder = train_once(quick)
    scores = score_reader(open_reader(folder), open_benchmark(quick.data.dev).documents)
    assert scores.documents == 3
    assert best_scoring(folder)["eval_score"] == pytest.approx(scores.overall)


@pytest.mark.slow
def test_adopted_run_replaces_all_of_the_one_before(quick: RunConfig, tmp_path: Path):
    runs = [
        with_values(quick, {"seed": seed, "output": str(tmp_path / str(seed)), "train.epochs": 1})
        for seed in (1, 2)
    ]
    one, two = (train(config) for config in runs)
    folder = adopt(runs[0], tmp_path / "kept")
    for role in ("onnx", "card", "metrics"):
        folder[role].write_text("of the first", encoding="utf-8")
    folder.write_checksums()
    adopt(runs[1], folder.path)
    folder.verify()
    assert {p.name for p in folder.present()} == {p.name for p in two.present()}
    assert folder["weights"].read_bytes() == two["weights"].read_bytes()
    assert folder["weights"].read_bytes() != one["weights"].read_bytes()


def model_of(folder: ModelFolder, words: str) -> dict[str, bytes]:
    """Write files that stand for those of a model; return them."""
    folder.path.mkdir(parents=True)
    for role in ("config", "run", "log", "labels", "calibration", "weights"):
        folder[role].write_text(words, encoding="utf-8")
    folder.write_checksums()
    return files_of(folder)


def files_of(folder: ModelFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.path.iterdir() if path.is_file()}


def killed_at_rename(number: int, folder: str = "") -> Callable[[Path, Path], Path]:
    """Return a rename at which a process is killed, after a number of others from a folder."""
    left, replace_whole = [number], Path.replace

    def rename(path: Path, target: Path) -> Path:
        if path.parent.name == (folder or path.parent.name):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
        return replace_whole(path, target)

    return rename


def test_older_model_stays_whole_where_the_new_one_cannot_be_copied(quick: RunConfig):
    folder, own = ModelFolder(quick.output), ModelFolder(quick.output / "seeds" / "1")
    before, new = model_of(folder, "older"), model_of(own, "newer")
    run = with_values(quick, {"output": str(own.path)})
    own["onnx"].mkdir()  # what comes before it can be copied
    with pytest.raises(TrainingError, match=r"the model cannot be written \(Is a directory\)"):
        adopt(run, folder.path)
    assert files_of(folder) == before
    folder.verify()
    assert {path.name for path in folder.path.iterdir() if path.is_dir()} == {"seeds"}
    own["onnx"].rmdir()
    adopt(run, folder.path)
    folder.verify()
    assert files_of(folder).keys() == new.keys()
    assert folder["weights"].read_text(encoding="utf-8") == "newer"


@pytest.mark.parametrize("renames", range(7))
def test_adoption_that_is_killed_leaves_no_mixture_that_loads(
    quick: RunConfig, monkeypatch: pytest.MonkeyPatch, renames: int
):
    folder, own = ModelFolder(quick.output), ModelFolder(quick.output / "seeds" / "1")
    model_of(folder, "older")
    new, run = model_of(own, "newer"), with_values(quick, {"output": str(own.path)})
    rest = ModelFolder(folder.path / ".adopted")  # of another that was killed, by power failure
    model_of(rest, "never whole")
    with monkeypatch.context() as patch:
        # two are of run.yaml and the checksums
        patch.setattr(Path, "replace", killed_at_rename(renames + 2))
        with pytest.raises(KeyboardInterrupt):
            adopt(run, folder.path)
    weights = folder["weights"]
    assert not folder["config"].exists() or weights.read_text(encoding="utf-8") == "newer"
    adopt(run, folder.path)
    folder.verify()
    assert {name: data for name, data in files_of(folder).items() if data == b"newer"} == {
        name: data for name, data in new.items() if name not in ("run.yaml", "SHA256SUMS")
    }
    assert not rest.path.exists()


def test_best_scoring_is_the_first_of_the_highest(tmp_path: Path):
    folder = ModelFolder(tmp_path)
    lines = [
        {"step": 1, "loss": 3.0},
        {"step": 1, "eval_score": 0.2, "eval_entity_f1": 0.1},
        {"step": 2, "eval_score": 0.5, "eval_entity_f1": 0.7},
        {"step": 3, "eval_score": 0.5, "eval_entity_f1": 0.9},
        {"step": 4, "eval_score": 0.4, "eval_entity_f1": 1.0, "epoch": 4},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    folder["log"].write_text(text, encoding="utf-8")
    assert best_scoring(folder) == {"eval_score": 0.5, "eval_entity_f1": 0.7}


@pytest.mark.parametrize("why", ["encoder", "lock"])
def test_a_command_that_is_refused_forgets_no_finished_run(quick: RunConfig, why: str):
    quick = with_values(quick, {"train.epochs": 1})
    folder = train_once(quick)
    before = stamps(quick.output.parent)
    if why == "encoder":
        with pytest.raises(ModelError, match="no such folder"):
            train_once(with_values(quick, {"encoder": "./nowhere"}))
    else:
        with (
            alone(quick.output, work="training"),
            pytest.raises(ConfigError, match="another training is at work here"),
        ):
            train_once(with_values(quick, {"seed": 5}))
    folder.verify()
    train_once(quick)
    assert stamps(quick.output.parent) == before


@pytest.mark.parametrize("moved", range(5))
def test_a_run_that_is_killed_while_its_model_is_put_in_place_goes_on(
    quick: RunConfig, monkeypatch: pytest.MonkeyPatch, moved: int
):
    quick = with_values(quick, {"train.epochs": 1})
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed_at_rename(moved, folder="model"))
        with pytest.raises(KeyboardInterrupt):
            train(quick)
    train(quick).verify()
