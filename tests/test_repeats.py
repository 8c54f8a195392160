import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from statistics import mean, stdev

import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertModel

from marsad.benchmarks import open_benchmark
from marsad.checkpoints import FOLDER, Checkpoints
from marsad.choosing import read_choice, read_seeds
from marsad.cli import run
from marsad.config import RunConfig, load_config, with_values
from marsad.document import Document
from marsad.errors import ConfigError, DataError, TrainingError
from marsad.evaluation import score_reader
from marsad.formats import jsonl
from marsad.metrics import Choice, read_metrics
from marsad.model_folder import ModelFolder
from marsad.repeats import Repeats, adopt, best_scoring, is_finished, train_once, train_seeds
from marsad.runtime import load, open_reader
from marsad.trainer import DocumentTrainer
from marsad.training import train
from tests.conftest import ended_otherwise


@pytest.fixture
def quick(run_config: RunConfig, documents: list[Document], tmp_path: Path) -> RunConfig:
    """A run of a second that learns something: of what it is scored on it learnt from all.

    Its encoder is the same in every test run.
    """
    encoder = Path(copytree(run_config.encoder, tmp_path / "encoder"))
    torch.manual_seed(1)
    BertModel(BertConfig.from_pretrained(encoder)).save_pretrained(encoder)
    jsonl.write(documents[:3], tmp_path / "train.jsonl")
    jsonl.write(map(ended_otherwise, documents[:2]), tmp_path / "dev.jsonl")
    return with_values(
        run_config,
        {
            "encoder": str(encoder),
            "data.train": str(tmp_path / "train.jsonl"),
            "data.dev": str(tmp_path / "dev.jsonl"),
            "data.test": str(tmp_path / "dev.jsonl"),
            "train.learning_rate": 1e-2,
            "train.precision": "fp32",
        },
    )


def seeded(config: RunConfig, *seeds: int) -> RunConfig:
    return with_values(config, {"train.seeds": seeds})


def file_of(config: RunConfig, folder: Path) -> str:
    path = folder / "config.yaml"
    path.write_text(config.to_yaml(), encoding="utf-8")
    return str(path)


def stamps(folder: Path) -> dict[str, int]:
    """When the weights of each run in a folder were written."""
    return {p.parent.name: p.stat().st_mtime_ns for p in folder.glob("*/model.safetensors")}


def stop_at(scoring: int) -> Callable[[float, float], None]:
    """Return a progress that kills a run at one of its scorings."""
    left = [scoring]

    def progress(epochs: float, score: float) -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt

    return progress


def train_until(config: RunConfig, scoring: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(config, progress=stop_at(scoring))


def killed_in(name: str) -> Callable[..., ModelFolder]:
    """Return a training that is killed after the first epoch of the run of a name."""

    def train_some(config: RunConfig, **_: object) -> ModelFolder:
        return train(config, progress=stop_at(2) if config.output.name == name else None)

    return train_some


def lines_of_first_epoch(log: Path) -> set[str]:
    """Its scoring and end, with the seconds it took: a second go at it would write others."""
    lines = log.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if '"epoch": 1.0' in line}


def test_killed_seeds_go_on_and_the_best_is_kept(quick: RunConfig, monkeypatch: pytest.MonkeyPatch):
    quick = with_values(quick, {"train.batch_size": 32})
    config, home = seeded(quick, 1, 2), quick.output / "seeds"
    with monkeypatch.context() as patch:
        patch.setattr("marsad.repeats.train", killed_in("2"))
        with pytest.raises(KeyboardInterrupt):
            train_seeds(config)
    before = stamps(home)
    lines = lines_of_first_epoch(Checkpoints(home / "2" / FOLDER).log)
    repeats = train_seeds(config)
    assert before == {"1": stamps(home)["1"]}
    assert lines
    assert lines == lines_of_first_epoch(home / "2" / "metrics.jsonl")
    scores = {seed: best_scoring(ModelFolder(home / seed))["eval_score"] for seed in ("1", "2")}
    assert repeats.best == max(scores, key=lambda seed: scores[seed])
    kept, own = ModelFolder(quick.output), ModelFolder(home / repeats.best)
    kept.verify()
    assert kept["weights"].read_bytes() == own["weights"].read_bytes()
    assert load_config(kept["run"]).seed == int(repeats.best)


def test_mean_of_the_seeds_becomes_the_model(
    quick: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    config = with_values(seeded(quick, quick.seed, 99), {"train.keep": "mean"})
    assert run(["train", file_of(config, tmp_path)]) == 0
    assert "mean of weights" in capsys.readouterr().out
    kept = ModelFolder(config.output)
    kept.verify()
    one, other = (ModelFolder(kept.path / "seeds" / str(seed)) for seed in (quick.seed, 99))
    assert [load_config(r["run"]).train.data_seed for r in (one, other)] == [None, 99]
    assert {load_config(r["run"]).seed for r in (one, other)} == {quick.seed}
    weights = [load_file(folder["weights"]) for folder in (one, other, kept)]
    for name, value in weights[2].items():
        torch.testing.assert_close(value, (weights[0][name] + weights[1][name]) / 2)
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    own = score_reader(open_reader(kept), open_benchmark(quick.data.dev).documents)
    choice = read_choice(kept, load_config(kept["run"]), Choice())
    assert choice.mean == pytest.approx(own.overall)
    assert choice.seeds == {
        str(seed): best_scoring(r)["eval_score"] for seed, r in ((quick.seed, one), (99, other))
    }
    steps = [t.steps for r in (one, other, kept) if (t := read_metrics(r).training)]
    assert steps[2] == steps[0] + steps[1] > 0
    before = kept["weights"].stat().st_mtime_ns
    assert run(["train", file_of(config, tmp_path)]) == 0
    assert kept["weights"].stat().st_mtime_ns == before
    train(with_values(config, {"train.seeds": [], "train.keep": "best"}))
    assert read_seeds(kept, load_config(kept["run"])) == {}  # it is of one run now


def test_data_seeds_begin_with_the_same_heads(
    quick: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    begun: list[tuple[dict[str, torch.Tensor], int]] = []

    def note(trainer: DocumentTrainer, _: object) -> None:
        state = {name: value.clone() for name, value in trainer.model.state_dict().items()}
        begun.append((state, trainer.sampler.seed))
        raise KeyboardInterrupt

    monkeypatch.setattr(DocumentTrainer, "go_on", note)
    for number, values in enumerate(({}, {"train.data_seed": 99}, {"seed": 99})):
        config = with_values(
            quick, {"train.heads_first.epochs": 1, "output": str(tmp_path / str(number)), **values}
        )
        with pytest.raises(KeyboardInterrupt):
            train(config)
    (plain, own), (shuffled, order), (other, _) = begun
    assert (own, order) == (quick.seed, 99)
    assert all(torch.equal(plain[name], shuffled[name]) for name in plain)
    assert any(not torch.equal(plain[name], other[name]) for name in plain)


@pytest.mark.slow
def test_best_of_the_seeds_becomes_the_model(
    quick: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture
):
    output, config = quick.output, file_of(seeded(quick, 1, 2), tmp_path)
    assert run(["train", config]) == 0
    shown = capsys.readouterr().out
    record = json.loads((output / "seeds.json").read_text(encoding="utf-8"))
    dev = open_benchmark(quick.data.dev)
    found = {}
    for seed in (1, 2):
        folder = ModelFolder(output / "seeds" / str(seed))
        assert load_config(folder["run"]).seed == seed
        found[str(seed)] = score_reader(open_reader(folder), dev.documents)
    for name, own in {
        "eval_score": {seed: s.overall for seed, s in found.items()},
        "eval_entity_f1": {seed: s.tables["entities"].micro.f1 for seed, s in found.items()},
        "eval_event_f1": {seed: s.tables["events"].micro.f1 for seed, s in found.items()},
    }.items():
        figure, values = record["figures"][name], list(own.values())
        assert figure["values"] == pytest.approx(own)
        assert (figure["mean"], figure["sd"]) == pytest.approx((mean(values), stdev(values)))
        assert f"{mean(values):.3f} ± {stdev(values):.3f}" in shown
    best = max(found, key=lambda seed: found[seed].overall)
    assert record["best"] == int(best)
    kept, own = ModelFolder(output), ModelFolder(output / "seeds" / best)
    kept.verify()
    assert {p.name for p in kept.present()} == {p.name for p in own.present()}
    for role in ("weights", "log", "calibration", "config"):
        assert kept[role].read_bytes() == own[role].read_bytes()
    assert load_config(kept["run"]) == with_values(load_config(own["run"]), {"output": str(output)})
    assert load(output)(dev.documents[0].text).text == dev.documents[0].text

    before = stamps(output / "seeds")
    kept["card"].write_text("written since", encoding="utf-8")
    kept.write_checksums()
    assert run(["train", config]) == 0
    assert stamps(output / "seeds") == before
    assert json.loads((output / "seeds.json").read_text(encoding="utf-8")) == record
    assert kept["card"].read_text(encoding="utf-8") == "written since"


@pytest.mark.slow
def test_killed_seed_goes_on_and_finished_ones_stay(quick: RunConfig, tmp_path: Path):
    whole = train(with_values(quick, {"seed": 2, "output": str(tmp_path / "whole")}))
    runs = {
        seed: with_values(quick, {"seed": seed, "output": str(quick.output / f"seeds/{seed}")})
        for seed in (1, 2)
    }
    train_once(runs[1])
    train_until(runs[2], 2)  # there is a checkpoint of the first epoch
    before = stamps(quick.output / "seeds")
    lines = lines_of_first_epoch(Checkpoints(runs[2].output / FOLDER).log)
    train_seeds(seeded(quick, 1, 2))
    after = stamps(quick.output / "seeds")
    assert before.keys() == {"1"}
    assert after["1"] == before["1"]
    own = ModelFolder(runs[2].output)
    assert lines <= lines_of_first_epoch(own["log"])
    assert own["weights"].read_bytes() == whole["weights"].read_bytes()


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
    jsonl.write(documents[:3], Path(quick.data.dev))
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
    jsonl.write(documents[:3], Path(quick.data.dev))

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("marsad.repeats.train", killed)  # before its first checkpoint
        with pytest.raises(KeyboardInterrupt):
            train_once(quick)
    folder = train_once(quick)
    scores = score_reader(open_reader(folder), open_benchmark(quick.data.dev).documents)
    assert scores.documents == 3
    assert best_scoring(folder)["eval_score"] == pytest.approx(scores.overall)


@pytest.mark.slow
def test_unfinished_run_of_another_configuration_is_refused_until_forgotten(quick: RunConfig):
    run_of_two = with_values(quick, {"seed": 2, "output": str(quick.output / "seeds" / "2")})
    train_until(run_of_two, 2)
    other = with_values(seeded(quick, 1, 2), {"train.weight_decay": 0.02, "train.epochs": 1})
    with pytest.raises(ConfigError, match=r"unfinished run that differs in train.*--restart"):
        train_seeds(other)
    before = stamps(quick.output / "seeds")
    assert before.keys() == {"1"}
    train_seeds(other, restart=True)
    assert stamps(quick.output / "seeds")["1"] == before["1"]


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
    left, replace_whole = [renames + 2], Path.replace  # two are of run.yaml and the checksums

    def killed(path: Path, target: Path) -> Path:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return replace_whole(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
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


@pytest.mark.parametrize("seeds", [(5,), (1, 1), (1, 2, 1)])
def test_seeds_that_say_nothing_of_luck_are_refused(quick: RunConfig, seeds: tuple[int, ...]):
    with pytest.raises(ConfigError, match="at least two that differ"):
        train_seeds(seeded(quick, *seeds))
    assert not quick.output.exists()


def test_wrong_seed_data_or_number_of_processes_is_refused_before_the_first_run(
    quick: RunConfig, monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(ConfigError, match="seed"):
        train_seeds(seeded(quick, 1, -2))
    with pytest.raises(DataError, match=r"nowhere\.jsonl: no such file"):
        train_seeds(with_values(seeded(quick, 1, 2), {"data.train": "nowhere.jsonl"}))
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match=r"train\.seeds: many runs train in one process"):
        train_seeds(seeded(quick, 1, 2))
    assert not quick.output.exists()


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


def test_of_equal_runs_the_first_is_kept():
    runs = {"3": {"eval_score": 0.25}, "1": {"eval_score": 0.5}, "2": {"eval_score": 0.5}}
    repeats = Repeats(runs)
    assert repeats.best == "1"
    assert repeats.spreads["eval_score"].sd == pytest.approx((1 / 48) ** 0.5)
    assert replace(repeats, figures={**runs, "2": {"eval_score": 0.75}}).best == "2"
