import json
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import pytest
import torch
from safetensors.torch import load_file

from marsad.benchmarks import open_benchmark
from marsad.checkpoints import FOLDER, Checkpoints
from marsad.choosing import read_choice, read_seeds
from marsad.cli import run
from marsad.config import RunConfig, load_config, with_values
from marsad.errors import ConfigError, DataError
from marsad.evaluation import score_reader
from marsad.finished_runs import best_scoring, train_once
from marsad.metrics import Choice, read_metrics
from marsad.model_folder import ModelFolder
from marsad.repeats import Repeats, train_seeds
from marsad.runtime import load, open_reader
from marsad.trainer import DocumentTrainer
from marsad.training import train
from tests.runs import file_of, killed_in, lines_of_first_epoch, stamps, train_until


def seeded(config: RunConfig, *seeds: int) -> RunConfig:
    return with_values(config, {"train.seeds": seeds})


def test_killed_seeds_go_on_and_the_best_is_kept(quick: RunConfig, monkeypatch: pytest.MonkeyPatch):
    quick = with_values(quick, {"train.batch_size": 32})
    config, home = seeded(quick, 1, 2), quick.output / "seeds"
    with monkeypatch.context() as patch:
        patch.setattr("marsad.finished_runs.train", killed_in("2"))
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
    for name in ("config.json", "tokenizer.json", kept.CHECKSUMS):
        (kept.path / name).unlink()  # as where a process was killed
        assert run(["train", file_of(config, tmp_path)]) == 0
        kept.verify()
        assert load(kept.path)("وصلت حافلتان").text == "وصلت حافلتان"
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


def test_of_equal_runs_the_first_is_kept():
    runs = {"3": {"eval_score": 0.25}, "1": {"eval_score": 0.5}, "2": {"eval_score": 0.5}}
    repeats = Repeats(runs)
    assert repeats.best == "1"
    assert repeats.spreads["eval_score"].sd == pytest.approx((1 / 48) ** 0.5)
    assert replace(repeats, figures={**runs, "2": {"eval_score": 0.75}}).best == "2"
