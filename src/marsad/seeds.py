"""Several training runs that differ in their seed alone: how much of a figure is luck."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

from marsad.benchmarks import Benchmark
from marsad.calibration import Abstention, Calibration, read_calibration
from marsad.choosing import read_seeds
from marsad.config import RunConfig, load_config, with_values
from marsad.errors import ConfigError, DataError, ModelError
from marsad.evaluation import evaluate
from marsad.labels import scheme
from marsad.metrics import SeedReport, Spread, read_metrics, write_metrics
from marsad.model_folder import ModelFolder
from marsad.reader import Watch
from marsad.runtime import PREFERENCE
from marsad.scoring import SCORER_VERSION, Scores
from marsad.systems import ask_system

RUNS = "seeds"  # where ``train.seeds`` keeps the runs, in the folder of the best
_MAY_DIFFER = ("name", "output", "seed")


def spread_over_seeds(
    folders: Sequence[ModelFolder], benchmark: Benchmark, *, watch: Watch = iter
) -> SeedReport:
    """Evaluate the runs on a benchmark and record mean and deviation in the first one's metrics.

    Args:
        folders: the runs; or the one folder that ``train.seeds`` made, for the runs it is the best
            of.
        benchmark: what they are read on.
        watch: passes documents on, and may show how far they are.

    Raises:
        ConfigError: fewer than two runs, one seed twice, or runs that differ in more than the seed.
        ModelError: a folder holds no usable model.
        DataError: the models read none of what is annotated.
    """
    own = _runs(folders)
    seeds, file = _check_runs(own), _shared_file(own)
    _check_calibrations(own, file)
    runs = []
    for folder in own:
        answers = ask_system(
            folder.path, benchmark.documents, file=file, ruler=benchmark.ruler, watch=watch
        )
        runs.append(figures(evaluate(answers, benchmark).scores))
    report = SeedReport(
        data=benchmark.data,
        data_sha256=benchmark.digest,
        scheme=scheme().digest,
        scorer=SCORER_VERSION,
        read_with=ModelFolder.FILES[file],
        seeds=seeds,
        figures={name: _spread([run[name] for run in runs]) for name in runs[0]},
    )
    metrics = read_metrics(folders[0])
    seeded = {**metrics.seeds, benchmark.data: report}
    write_metrics(replace(metrics, seeds=seeded), folders[0])
    return report


def _runs(folders: Sequence[ModelFolder]) -> Sequence[ModelFolder]:
    if len(folders) != 1:
        return folders
    (best,) = folders
    inside = best.path / RUNS
    return [ModelFolder(inside / seed) for seed in read_seeds(best, load_config(_run_file(best)))]


def _shared_file(folders: Sequence[ModelFolder]) -> str:
    """Return the role of the first model file, in the order of preference, that all runs have."""
    for role in PREFERENCE:
        if all(folder[role].exists() for folder in folders):
            return role
    raise ModelError(f"{folders[0].path} and the others share no kind of model file; export them")


def figures(scores: Scores) -> Mapping[str, float]:
    """Return the figures of record by name.

    Raises:
        DataError: nothing was scored.
    """
    found: dict[str, float] = {}
    if scores.entities:
        found |= {
            "entity micro F1": scores.entities.strict.micro.f1,
            "entity macro F1": scores.entities.strict.macro_f1,
        }
    if scores.events:
        found |= {
            "event micro F1": scores.events.types.micro.f1,
            "event macro F1": scores.events.types.macro_f1,
        }
        if ranking := scores.events.ranking:
            found["event mean average precision"] = mean(
                r.average_precision for r in ranking.values()
            )
        if scores.events.realis:
            found["realis accuracy"] = scores.events.realis.accuracy
    if not found:
        raise DataError("nothing was scored; the models read none of what is annotated")
    return found


def _check_runs(folders: Sequence[ModelFolder]) -> tuple[int, ...]:
    if len(folders) < 2:
        raise ConfigError(
            "a spread takes at least two runs; name their folders, or one of train.seeds"
        )
    runs = [load_config(_run_file(folder)) for folder in folders]
    for folder, run in zip(folders, runs, strict=True):
        for key, first, own in _differences(runs[0], run):
            raise ConfigError(
                f"{folder.path}: {key} is {own!r}, and {first!r} in {folders[0].path}; "
                "runs of a spread may differ in their seed alone"
            )
    seeds = tuple(run.seed if run.train.data_seed is None else run.train.data_seed for run in runs)
    if len(set(seeds)) < len(seeds):
        raise ConfigError(f"seeds {', '.join(map(str, seeds))}: one is given twice")
    return seeds


def _check_calibrations(folders: Sequence[ModelFolder], file: str) -> None:
    """Refuse runs that were calibrated on different data, or withhold differently.

    Raises:
        ConfigError: they do.
    """
    first, *others = (read_calibration(folder, file) for folder in folders)
    for folder, own in zip(folders[1:], others, strict=True):
        if _said_of(own) != _said_of(first):
            raise ConfigError(
                f"{folder.path}: calibrated otherwise than {folders[0].path} "
                f"({' and '.join(_said_of(own))}, not {' and '.join(_said_of(first))}); "
                "run `marsad calibrate` on each with the same options"
            )


def _said_of(calibration: Calibration) -> tuple[str, str]:
    """Return what of a calibration the runs of a spread must share."""
    on = calibration.fitted_on or "nothing"
    path = str(Path(on).resolve()) if Path(on).exists() else on
    withheld = "all reported" if calibration.abstain == Abstention() else "some withheld"
    return f"on {path}", withheld


def _run_file(folder: ModelFolder) -> Path:
    return folder.require("run", "name a folder that `marsad train` wrote")


def _differences(one: RunConfig, other: RunConfig) -> list[tuple[str, object, object]]:
    left, right = (with_values(run, {"train.data_seed": None}).model_dump() for run in (one, other))
    keys = [key for key in left if key not in _MAY_DIFFER and left[key] != right[key]]
    return [(key, left[key], right[key]) for key in keys]


def _spread(values: Sequence[float]) -> Spread:
    return Spread(mean(values), stdev(values))
