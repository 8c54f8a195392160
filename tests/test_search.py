"""The search, on real runs where they matter; elsewhere on a run that only says what it scored."""

import json
import math
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import mean, median
from typing import Any

import optuna
import pytest
import yaml

from marsad.checkpoints import FOLDER, Checkpoints
from marsad.cli import run
from marsad.config import RunConfig, load_config, with_values
from marsad.document import Document
from marsad.errors import ConfigError, DataError, TrainingError
from marsad.finished_runs import best_scoring
from marsad.formats import jsonl
from marsad.model_folder import ModelFolder
from marsad.search import Search, check_space, search
from marsad.splits import SHARES
from marsad.trainer import Progress
from marsad.training import train
from tests.conftest import ROOT, ended_otherwise
from tests.fates import Fate, live
from tests.runs import file_of, killed_in, lines_of_first_epoch

SPACE = {
    "train.learning_rate": {"low": 1e-5, "high": 1e-1, "log": True},
    "loss.event_weight": {"low": 0.0, "high": 2.0},
    "loss.asymmetric": [None, {"gamma_negative": 2.0}],
    "train.batch_size": {"low": 1, "high": 4},
}

# What stands in for a run: epochs done in, dev score out.
Curve = Callable[[RunConfig, int], float]


def searching(config: RunConfig, trials: int, space: Mapping[str, Any] = SPACE) -> RunConfig:
    return with_values(config, {"search": {"trials": trials, "space": space}, "train.epochs": 4})


def hill(config: RunConfig, epoch: int) -> float:
    """A score that grows with the epochs, and is highest at 1e-3, 0.5, none and 3."""
    away = (math.log10(config.train.learning_rate) + 3) ** 2 / 4
    away += (config.loss.event_weight - 0.5) ** 2 + 0.2 * (config.loss.asymmetric is not None)
    away += 0.1 * abs(config.train.batch_size - 3)
    return math.exp(-away) * (1 - 0.5**epoch)


class Runs:
    """Runs of one scoring an epoch, whose score a curve gives; keeps what was asked for."""

    def __init__(self, curve: Curve = hill) -> None:
        self.curve = curve
        self.configs: list[RunConfig] = []
        self.epochs: list[int] = []

    def __call__(self, config: RunConfig, *, progress: Progress) -> ModelFolder:
        self.configs.append(config)
        self.epochs.append(0)
        folder = ModelFolder(config.output)
        folder.path.mkdir(parents=True, exist_ok=True)
        with folder["log"].open("w", encoding="utf-8") as out:
            for epoch in range(1, int(config.train.epochs) + 1):
                score = self.curve(config, epoch)
                self.epochs[-1] = epoch
                out.write(json.dumps({"step": epoch, "eval_score": score}) + "\n")
                out.flush()
                progress(float(epoch), score)
        return folder


def killed_at(runs: Runs, *, number: int) -> Curve:
    """The hill, but that a process is killed in the third epoch of its run of that number."""

    def curve(config: RunConfig, epoch: int) -> float:
        if len(runs.configs) == number and epoch == 3:
            raise KeyboardInterrupt
        return hill(config, epoch)

    return curve


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    own = Runs()
    monkeypatch.setattr("marsad.search.train", own)
    return own


def study_of(config: RunConfig) -> optuna.Study:
    return optuna.load_study(study_name="search", storage=f"sqlite:///{config.output}/search.db")


@pytest.fixture(scope="module")
def long_search(
    tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[RunConfig, Runs, Search]:
    splits = {f"data.{split}": str(tiny_corpus / f"{split}.jsonl") for split in SHARES}
    output = str(tmp_path_factory.mktemp("runs") / "long")
    joint = load_config(ROOT / "configs" / "joint.yaml")
    config, own = searching(with_values(joint, {**splits, "output": output}), 25), Runs()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("marsad.search.train", own)
        return config, own, search(config)


def test_later_values_are_better(long_search: tuple[RunConfig, Runs, Search]):
    _, runs, _ = long_search
    scores = [hill(own, 4) for own in runs.configs]  # pruned or not
    assert mean(scores[15:]) > 1.3 * mean(scores[:10])  # the first are drawn by chance
    assert max(scores) > 0.7
    for own in runs.configs:
        assert 1e-5 <= own.train.learning_rate <= 1e-1
        assert own.loss.asymmetric is None or own.loss.asymmetric.gamma_negative == 2
        assert own.search is None
    assert {own.train.batch_size for own in runs.configs} == {1, 2, 3, 4}
    assert len({own.loss.asymmetric is None for own in runs.configs}) == 2


def test_best_configuration_is_ready_to_be_trained(long_search: tuple[RunConfig, Runs, Search]):
    config, runs, found = long_search
    complete = [own for own, epochs in zip(runs.configs, runs.epochs, strict=True) if epochs == 4]
    assert found.best.score == pytest.approx(max(hill(own, 4) for own in complete))
    best = load_config(found.config)
    assert best == with_values(config, {**found.best.values, "search": None})
    assert best.output == config.output
    assert hill(best, 4) == pytest.approx(found.best.score)
    assert [path.name for path in (config.output / "trials").iterdir()] == [found.model.name]
    assert best_scoring(ModelFolder(found.model))["eval_score"] == found.best.score


def test_trials_under_the_median_end_early_and_count(long_search: tuple[RunConfig, Runs, Search]):
    _, runs, found = long_search
    assert len(found.trials) == len(runs.configs) == 25
    pruned = [t.number for t in found.trials if t.ending == "pruned"]
    assert pruned
    assert min(pruned) >= 5
    for trial, config, epochs in zip(found.trials, runs.configs, runs.epochs, strict=True):
        assert (trial.ending == "complete") == (epochs == 4)
        assert epochs >= 2  # the first scoring says too little
        others = [
            t.score or 0.0
            for t in found.trials
            if t.number < trial.number and t.ending == "complete"
        ]
        if trial.ending == "pruned":
            assert hill(config, 4) < median(others)


@pytest.mark.slow
def test_killed_search_goes_on_as_if_it_had_not_been(
    run_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def killed_sometimes(config: RunConfig, epoch: int) -> float:
        if len(own.configs) in {1, 6, 12, 13} and epoch == 2:
            raise KeyboardInterrupt
        return hill(config, epoch)

    whole = searching(with_values(run_config, {"output": str(tmp_path / "whole")}), 13)
    config, own = searching(run_config, 13), Runs(killed_sometimes)
    monkeypatch.setattr("marsad.search.train", Runs())
    expected = search(whole)
    monkeypatch.setattr("marsad.search.train", own)
    deaths = 0
    while True:
        try:
            found = search(config)
            break
        except KeyboardInterrupt:
            deaths += 1
    assert deaths == 4
    trials = study_of(config).trials
    assert len(trials) == 13
    assert len(own.configs) == 13 + 4
    for trial, same in zip(trials, study_of(whole).trials, strict=True):
        assert (trial.state, trial.params) == (same.state, same.params)
        assert trial.intermediate_values == same.intermediate_values
    assert [(t.ending, t.score, t.values) for t in found.trials] == [
        (t.ending, t.score, t.values) for t in expected.trials
    ]
    assert {path.name for path in (config.output / "trials").iterdir()} == {found.model.name}
    assert load_config(found.config) == with_values(
        load_config(expected.config), {"output": str(config.output)}
    )


def test_killed_trial_goes_on_from_its_checkpoint(
    quick: RunConfig,
    monkeypatch: pytest.MonkeyPatch,
):
    space = {"train.learning_rate": {"low": 3e-3, "high": 1e-2}}
    quick = with_values(quick, {"train.batch_size": 32})
    config = with_values(quick, {"search": {"trials": 1, "space": space}})
    with monkeypatch.context() as patch:
        patch.setattr("marsad.search.train", killed_in("0"))
        with pytest.raises(KeyboardInterrupt):
            search(config)
    (killed,), folder = study_of(config).trials, config.output / "trials" / "0"
    assert not killed.state.is_finished()
    lines = lines_of_first_epoch(Checkpoints(folder / FOLDER).log)
    found = search(config)
    (trial,) = study_of(config).trials
    assert trial.state.name == "COMPLETE"
    assert trial.params == killed.params
    assert found.model == folder
    assert lines
    assert lines == lines_of_first_epoch(folder / "metrics.jsonl")
    assert load_config(found.config).train.learning_rate == killed.params["train.learning_rate"]


def test_killed_trial_of_a_search_that_changed_is_tried_again(
    run_config: RunConfig, tmp_path: Path, runs: Runs
):
    runs.curve = killed_at(runs, number=1)
    config = searching(run_config, 1)
    with pytest.raises(KeyboardInterrupt):
        search(config)
    moved = with_values(config, {"output": str(config.output.rename(tmp_path / "moved"))})
    found = search(moved)
    assert [trial.state.name for trial in study_of(moved).trials] == ["COMPLETE"]
    assert [path.name for path in (moved.output / "trials").iterdir()] == ["0"]
    first, second = (own.train for own in runs.configs)
    assert first == second
    assert len(found.trials) == 1


def test_killed_trial_of_a_search_that_moved_after_another_had_ended_is_tried_again(
    run_config: RunConfig, tmp_path: Path, runs: Runs
):
    runs.curve = killed_at(runs, number=2)
    config = searching(run_config, 2)
    with pytest.raises(KeyboardInterrupt):
        search(config)
    moved = with_values(config, {"output": str(config.output.rename(tmp_path / "moved"))})
    search(moved)
    endings = ["COMPLETE", "FAIL", "COMPLETE"]
    assert [trial.state.name for trial in study_of(moved).trials] == endings
    assert runs.configs[1].train == runs.configs[2].train


def test_space_may_change_before_the_first_trial_has_ended(run_config: RunConfig, runs: Runs):
    runs.curve = killed_at(runs, number=1)
    with pytest.raises(KeyboardInterrupt):
        search(searching(run_config, 2, {"train.batch_size": [1, 2]}))
    found = search(searching(run_config, 2, {"train.batch_size": [3, 4]}))
    assert {trial.values["train.batch_size"] for trial in found.trials} <= {3, 4}


def test_second_search_in_a_folder_is_refused(run_config: RunConfig, runs: Runs):
    def another_begins(config: RunConfig, epoch: int) -> float:
        with pytest.raises(ConfigError, match="another search is at work here"):
            search(searching(run_config, 1), restart=True)
        return hill(config, epoch)

    runs.curve = another_begins
    assert len(search(searching(run_config, 1)).trials) == 1
    assert len(search(searching(run_config, 2)).trials) == 2


def test_failed_trials_do_not_count_and_their_values_are_not_tried_again(
    run_config: RunConfig, runs: Runs
):
    def diverging(config: RunConfig, epoch: int) -> float:
        if len(runs.configs) in {2, 4, 5}:
            raise TrainingError("step 3: the loss is nan")
        return hill(config, epoch)

    runs.curve = diverging
    found = search(searching(run_config, 6))
    endings = [trial.ending for trial in found.trials]
    assert [i for i, ending in enumerate(endings) if ending == "failed"] == [1, 3, 4]
    assert len(endings) == len(runs.configs) == 6 + 3
    assert len({config.train.learning_rate for config in runs.configs}) == 9
    assert found.trials[1].score is None


def test_third_failure_in_a_row_stops_with_its_message(run_config: RunConfig, runs: Runs):
    def diverging(config: RunConfig, epoch: int) -> float:
        if len(runs.configs) > 2:
            raise TrainingError(f"run {len(runs.configs)}: the loss is nan")
        return hill(config, epoch)

    runs.curve = diverging
    config = searching(run_config, 6)
    with pytest.raises(TrainingError, match=r"3 trials failed .* the last: run 5: the loss is nan"):
        search(config)
    assert load_config(config.output / "best.yaml").search is None  # of the two before
    runs.curve = hill
    found = search(config)
    assert [trial.ending for trial in found.trials[2:5]] == ["failed"] * 3
    assert len(found.trials) == 9
    assert len({config.train.learning_rate for config in runs.configs}) == 9


def test_values_that_do_not_go_together_fail_their_trial_alone(run_config: RunConfig, runs: Runs):
    space = {"window.max_tokens": [64, 96], "window.overlap": [8, 20]}
    found = search(searching(run_config, 6, space))
    for trial in found.trials:
        together = trial.values == {"window.max_tokens": 64, "window.overlap": 20}
        assert (trial.ending == "failed") == together
    assert "failed" in {trial.ending for trial in found.trials}


def test_finished_search_can_be_made_longer_and_is_not_run_again(run_config: RunConfig, runs: Runs):
    first = search(searching(run_config, 3))
    assert search(searching(run_config, 3)) == first
    assert len(runs.configs) == 3
    longer = search(searching(with_values(run_config, {"train.seeds": [1, 2]}), 5))
    assert longer.trials[:3] == first.trials
    assert len(runs.configs) == 5
    assert all(config.train.seeds == () for config in runs.configs)
    assert load_config(longer.config).train.seeds == (1, 2)


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"train.weight_decay": 0.5}, "train"),
        ({"name": "other"}, "name"),
        ({"seed": 14}, "seed"),
        ({"search.space": {"train.warmup": [0.1]}}, "search.space"),
    ],
)
def test_changed_search_is_refused_until_forgotten(
    run_config: RunConfig, runs: Runs, values: dict[str, object], what: str
):
    config = searching(run_config, 2)
    search(config)
    changed = with_values(config, values)
    with pytest.raises(ConfigError, match=rf"search\.db: a search that differs in {what}.*restart"):
        search(changed)
    assert len(runs.configs) == 2
    found = search(changed, restart=True)
    assert [trial.number for trial in found.trials] == [0, 1]
    assert len(runs.configs) == 4


def test_changed_corpus_is_another_search(
    quick: RunConfig,
    documents: list[Document],
    runs: Runs,
):
    config = searching(quick, 2)
    search(config)
    jsonl.write(map(ended_otherwise, documents[:3]), Path(config.data.dev))
    with pytest.raises(ConfigError, match="differs in corpora"):
        search(config)


@pytest.mark.parametrize(
    ("key", "choice", "reason"),
    [
        ("train.learning_rat", [1e-3], "'train.learning_rat'.*did you mean 'learning_rate'"),
        ("train.learning_rate", {"low": 0.0, "high": 1e-3}, "train.learning_rate: .* not 0.0"),
        ("train.layer_decay", {"low": 0.5, "high": 1.5}, "train.layer_decay: .* not 1.5"),
        ("train.schedule", ["linear", "cosin"], "train.schedule: .* not 'cosin'"),
        ("train.batch_size", {"low": 2.0, "high": 8.0}, "train.batch_size: .* integer"),
        ("window.overlap", [8, 80], "overlap may be at most a quarter"),
        ("encoder.sub", [1], "'encoder' is no section"),
        ("loss.asymmetric", [None, {"gamma": 1}], "unknown key 'loss.asymmetric.gamma'"),
        ("encoder", ["./nowhere"], "'./nowhere': no such folder"),
        ("data.train", ["nowhere.jsonl"], "nowhere.jsonl: no such file"),
        ("data.dev", ["a", "b"], "data.dev cannot be searched"),
        ("data", [{"dev": "a"}], "data cannot be searched"),
        ("train.seeds", [[1, 2]], "train.seeds cannot be searched"),
        ("search.trials", [1, 2], "search.trials cannot be searched"),
        ("output", ["a"], "output cannot be searched"),
    ],
)
def test_space_that_no_run_could_take_is_refused_before_the_first(
    run_config: RunConfig, runs: Runs, key: str, choice: object, reason: str
):
    config = searching(run_config, 2, {"train.warmup": [0.1, 0.2], key: choice})
    with pytest.raises(ConfigError, match=rf"^search\.space: .*{reason}"):
        search(config)
    assert runs.configs == []
    assert not config.output.exists()


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"low": 1, "high": 1}, "low must lie under high"),
        ({"low": 0, "high": 1, "log": True}, "above 0 where log is set"),
        ({"low": 1, "high": math.inf}, "finite"),
        ({"low": 1, "hihg": 2}, "high"),
        ([], "at least 1 item"),
        (3, "tuple"),
    ],
)
def test_choice_that_is_none_is_named(run_config: RunConfig, choice: object, reason: str):
    with pytest.raises(ConfigError, match=rf"search\.space\.train\.warmup.*{reason}"):
        searching(run_config, 2, {"train.warmup": choice})


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("search={trial: 3, space: {seed: [1]}}", "'search.trial' (did you mean 'trials'?)"),
        ("train.lora.rnk=2", "'train.lora.rnk' (did you mean 'rank'?)"),
        ("data.mixture=[{corpus: a, shar: 2}]", "'data.mixture.0.shar' (did you mean 'share'?)"),
    ],
)
def test_unknown_key_of_a_section_that_may_be_left_out_is_named(override: str, message: str):
    with pytest.raises(ConfigError) as caught:
        load_config(ROOT / "configs" / "joint.yaml", overrides=(override,))
    assert f"unknown key {message}" in str(caught.value)


def test_what_there_is_nothing_to_search_with_is_refused(
    run_config: RunConfig, runs: Runs, monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(ConfigError, match=r"search: none is given; see configs/search\.yaml"):
        search(run_config)
    with pytest.raises(DataError, match="no such file"):
        search(searching(with_values(run_config, {"data.dev": "nowhere.jsonl"}), 2))
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="--search: many runs train in one process"):
        search(searching(run_config, 2))
    assert not run_config.output.exists()


def test_file_that_is_no_search_is_refused(run_config: RunConfig, runs: Runs):
    config = searching(run_config, 2)
    config.output.mkdir()
    (config.output / "search.db").write_bytes(b"no database" * 500)
    with pytest.raises(ConfigError, match=r"search\.db: not a search"):
        search(config)
    assert len(search(config, restart=True).trials) == 2


def test_folder_of_any_name_holds_a_search(run_config: RunConfig, runs: Runs, tmp_path: Path):
    output = tmp_path / "بحث 50% #1?x"
    search(searching(with_values(run_config, {"output": str(output)}), 2))
    names = {"search.db", "search.lock", "trials", "best.yaml"}
    assert {path.name for path in output.iterdir()} == names


def test_configuration_of_the_search_is_the_joint_one_with_a_sound_space():
    joint, own = (load_config(ROOT / "configs" / f"{n}.yaml") for n in ("joint", "search"))
    assert with_values(own, {"search": None, "output": str(joint.output)}) == joint
    space = check_space(own).space
    assert {"train.learning_rate", "train.warmup", "train.layer_decay", "train.ema"} < set(space)


def test_missing_optuna_names_the_extra(
    run_config: RunConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
):
    monkeypatch.delitem(sys.modules, "marsad.search")
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert run(["train", file_of(searching(run_config, 1), tmp_path), "--search"]) == 2
    message = "marsad: optuna is not installed; run: pip install 'marsad[hpo]'\n"
    assert capsys.readouterr().err == message


@pytest.mark.slow
def test_search_that_is_killed_in_a_run_goes_on(
    quick: RunConfig,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
):
    space = {
        "train.learning_rate": {"low": 3e-3, "high": 1e-2, "log": True},
        "train.warmup": [0, 0.1],
    }
    config = with_values(quick, {"search": {"trials": 3, "space": space}})
    command = ["train", file_of(config, tmp_path), "--search"]
    fate = Fate(r"write .*/trials/1/.*metrics\.jsonl$", number=3)
    assert live(command, tmp_path, fate).code == -signal.SIGKILL
    running = [trial.number for trial in study_of(config).trials if not trial.state.is_finished()]
    assert running == [1]

    assert run(command) == 0
    shown = capsys.readouterr().out
    trials = study_of(config).trials
    states = [trial.state.name for trial in trials]
    assert states == ["COMPLETE"] * 3
    for trial in trials:
        assert f"│ {trial.number} " in shown
        assert f"{trial.value:.3f}" in shown
    best = max(trials, key=lambda trial: trial.value or 0.0)
    text = (config.output / "best.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(text)["train"]["learning_rate"] == best.params["train.learning_rate"]
    kept = [path.name for path in (config.output / "trials").iterdir() if path.is_dir()]
    assert kept == [str(best.number)]
    again = train(load_config(config.output / "best.yaml"))
    assert best_scoring(again)["eval_score"] == best.value
    model = ModelFolder(config.output / "trials" / str(best.number))
    assert again["weights"].read_bytes() == model["weights"].read_bytes()
