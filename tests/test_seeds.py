from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import pytest

from marsad.benchmarks import Benchmark, open_benchmark
from marsad.cli import run
from marsad.config import RunConfig, with_values
from marsad.document import Document
from marsad.errors import ConfigError, DataError, ModelError
from marsad.evaluation import evaluate
from marsad.metrics import read_metrics
from marsad.model_folder import ModelFolder
from marsad.repeats import train_seeds
from marsad.scoring import Scores, score
from marsad.scoring.events import Ranking
from marsad.seeds import figures, spread_over_seeds
from marsad.systems import ask_system
from marsad.training import train
from tests.scoring.test_uncertainty import blurred
from tests.test_evaluation import benchmark_of


@pytest.fixture
def benchmark(documents: list[Document]) -> Benchmark:
    return benchmark_of(documents)


def run_folder(folder: Path, config: RunConfig, **changes: object) -> ModelFolder:
    """Write what is left of a run: its configuration."""
    folder.mkdir()
    own = ModelFolder(folder)
    changed = config.model_copy(update={"output": folder, **changes})
    own["run"].write_text(changed.to_yaml(), encoding="utf-8")
    return own


def test_one_run_has_no_spread(run_config: RunConfig, benchmark: Benchmark, tmp_path: Path):
    for folders in ([], [run_folder(tmp_path / "a", run_config)]):
        with pytest.raises(ConfigError, match="a spread takes at least two runs; name their"):
            spread_over_seeds(folders, benchmark)


def test_one_seed_twice_is_refused(run_config: RunConfig, benchmark: Benchmark, tmp_path: Path):
    folders = [
        run_folder(tmp_path / name, run_config, seed=seed)
        for name, seed in (("a", 13), ("b", 14), ("c", 13))
    ]
    with pytest.raises(ConfigError, match="seeds 13, 14, 13: one is given twice"):
        spread_over_seeds(folders, benchmark)
    with pytest.raises(ConfigError, match="seeds 14, 14: one is given twice"):
        spread_over_seeds([folders[1]] * 2, benchmark)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "ner"}, "task is 'ner', and 'joint' in "),
        ({"encoder": "other"}, "encoder is 'other', and "),
        ({"train": {"epochs": 3}}, "train is "),
        ({"data": {"train": "a", "dev": "b", "test": "c"}}, "data is "),
    ],
)
def test_runs_that_differ_in_more_than_the_seed_are_refused(
    run_config: RunConfig,
    benchmark: Benchmark,
    tmp_path: Path,
    changes: dict[str, object],
    message: str,
):
    changed = RunConfig.model_validate({**run_config.model_dump(), **changes, "seed": 14})
    folders = [run_folder(tmp_path / "a", run_config), run_folder(tmp_path / "b", changed)]
    with pytest.raises(ConfigError) as caught:
        spread_over_seeds(folders, benchmark)
    assert str(caught.value).startswith(f"{folders[1].path}: {message}")
    assert str(caught.value).endswith("runs of a spread may differ in their seed alone")
    assert "\n" not in str(caught.value)


def test_name_output_and_seed_may_differ(
    run_config: RunConfig, benchmark: Benchmark, tmp_path: Path
):
    folders = [
        run_folder(tmp_path / name, run_config, name=name, seed=seed)
        for name, seed in (("a", 1), ("b", 2))
    ]
    with pytest.raises(ModelError, match="share no kind of model file"):  # the runs agree
        spread_over_seeds(folders, benchmark)
    assert not folders[0]["metrics"].exists()


def test_folder_without_a_run_is_refused(
    run_config: RunConfig, benchmark: Benchmark, tmp_path: Path
):
    one = run_folder(tmp_path / "a", run_config)
    with pytest.raises(
        ModelError, match=r"no such model folder; name a folder that `marsad train`"
    ):
        spread_over_seeds([one, ModelFolder(tmp_path / "b")], benchmark)
    with pytest.raises(ModelError, match=r"no run\.yaml in this folder"):
        spread_over_seeds([one, ModelFolder(tmp_path)], benchmark)


def scores_of(documents: list[Document], seed: int, **tasks: bool) -> Scores:
    own = blurred(documents, 0.3, seed)
    return score(documents, own, **{"entities": True, "events": True, **tasks})


def test_figures_are_those_of_record(documents: list[Document]):
    scores = scores_of(documents, 1)
    assert scores.entities is not None
    assert scores.events is not None
    assert figures(scores) == {
        "entity micro F1": scores.entities.strict.micro.f1,
        "entity macro F1": scores.entities.strict.macro_f1,
        "event micro F1": scores.events.types.micro.f1,
        "event macro F1": scores.events.types.macro_f1,
        "realis accuracy": 1,
    }


def test_figures_are_of_what_was_scored(documents: list[Document]):
    assert set(figures(scores_of(documents, 1, events=False))) == {
        "entity micro F1",
        "entity macro F1",
    }
    scores = scores_of(documents, 1, entities=False)
    assert scores.events is not None
    without = replace(scores, events=replace(scores.events, realis=None))
    assert set(figures(without)) == {"event micro F1", "event macro F1"}
    with pytest.raises(DataError, match="nothing was scored"):
        figures(scores_of(documents, 1, entities=False, events=False))


def test_average_precision_is_a_figure_where_there_are_probabilities(documents: list[Document]):
    scores = scores_of(documents, 1, entities=False)
    assert scores.events is not None
    ranking = {"protest": Ranking(0.5, 3, 0.1), "airstrike": Ranking(0.75, 2, 0.1)}
    ranked = replace(scores, events=replace(scores.events, ranking=ranking))
    assert figures(ranked)["event mean average precision"] == 0.625


def test_runs_that_differ_by_chance_are_near_each_other(documents: list[Document]):
    runs = [figures(scores_of(documents, seed)) for seed in range(4)]
    for name in runs[0]:
        values = [run[name] for run in runs]
        assert stdev(values) < 0.03
        assert min(values) <= mean(values) <= max(values)
    assert stdev([run["entity micro F1"] for run in runs]) > 0


def test_spread_is_over_the_runs_and_stands_in_the_first_record(
    run_config: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture
):
    configs = [
        run_config.model_copy(update={"output": tmp_path / str(seed), "seed": seed})
        for seed in (1, 2)
    ]
    folders = [train(config) for config in configs]
    data = str(run_config.data.test)
    assert run(["seeds", data, *(str(folder.path) for folder in folders)]) == 0
    shown = capsys.readouterr().out
    report = read_metrics(folders[0]).seeds[data]
    assert (report.seeds, report.read_with) == ((1, 2), "model.safetensors")
    benchmark = open_benchmark(data)
    runs = [
        figures(evaluate(ask_system(folder.path, benchmark.documents), benchmark).scores)
        for folder in folders
    ]
    for name, spread in report.figures.items():
        values = [own[name] for own in runs]
        assert (spread.mean, spread.sd) == pytest.approx((mean(values), stdev(values)))
        assert f"{name} {spread.mean:.3f} ± {spread.sd:.3f}" in shown
    assert read_metrics(folders[1]).seeds == {}
    assert run(["calibrate", str(folders[1].path), data]) == 0
    with pytest.raises(ConfigError, match=r"calibrated otherwise than .*1 \(on .*test\.jsonl"):
        spread_over_seeds(folders, benchmark)


def test_one_folder_stands_for_the_runs_that_it_is_the_best_of(
    run_config: RunConfig, tmp_path: Path
):
    config = with_values(run_config, {"output": str(tmp_path / "best"), "train.seeds": [2, 1]})
    train_seeds(config)
    train(with_values(run_config, {"output": str(tmp_path / "best" / "seeds" / "9"), "seed": 9}))
    best, data = ModelFolder(config.output), str(run_config.data.test)
    benchmark = open_benchmark(data)
    report = spread_over_seeds([best], benchmark)
    assert report.seeds == (2, 1)
    assert read_metrics(best).seeds == {data: report}
    runs = [ModelFolder(best.path / "seeds" / seed) for seed in ("2", "1")]
    assert spread_over_seeds(runs, benchmark) == report
    train(with_values(run_config, {"output": str(best.path), "seed": 9}))
    with pytest.raises(ConfigError, match="or one of train"):  # it is none any more
        spread_over_seeds([best], benchmark)
