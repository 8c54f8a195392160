"""Repeated runs: one configuration, trained several times.

With ``train.seeds`` the runs differ in their seed alone. They say how much of a figure is luck
(Reimers and Gurevych 2017, "Reporting Score Distributions Makes a Difference"); the best of them on
dev becomes the model, or the mean of their weights.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean, stdev

from marsad.benchmarks import open_benchmark
from marsad.config import RunConfig, with_values
from marsad.errors import ConfigError, ModelError
from marsad.files import sha256, write_json
from marsad.finished_runs import SCORE, adopt, best_scoring, staging, train_once
from marsad.metrics import Spread
from marsad.mixture import check_corpora
from marsad.model_folder import ModelFolder
from marsad.seeds import RUNS
from marsad.soup import write_mean


@dataclass(frozen=True)
class Repeats:
    """What each of several runs scored on its dev documents, at the scoring that it was kept of.

    ``figures`` are by the name of the run and that of the figure, ``eval_score`` among them;
    ``mean`` those of the mean of the runs' weights, where that is kept.
    """

    figures: Mapping[str, Mapping[str, float]]
    mean: Mapping[str, float] | None = None

    @property
    def best(self) -> str:
        """The first run of the highest dev score."""
        return max(self.figures, key=lambda run: self.figures[run][SCORE])

    @property
    def spreads(self) -> dict[str, Spread]:
        """Mean and deviation of each figure over the runs."""
        names = next(iter(self.figures.values()))
        columns = {name: [own[name] for own in self.figures.values()] for name in names}
        return {name: Spread(mean(column), stdev(column)) for name, column in columns.items()}

    def to_record(self) -> dict[str, object]:
        """Return JSON values: of each figure every run's value, mean and deviation."""
        return {
            name: {
                "values": {run: own[name] for run, own in self.figures.items()},
                **asdict(spread),
            }
            for name, spread in self.spreads.items()
        }


def train_seeds(config: RunConfig, *, restart: bool = False) -> Repeats:
    """Train a run with each of ``train.seeds`` and make the best on dev, or their mean, the model.

    The runs stand in ``seeds/SEED`` of the run's folder, their figures in its ``seeds.json``. Runs
    that are finished are not trained again, one that was killed goes on.

    Args:
        config: the run; its ``seed`` is not used, but of runs whose mean is kept it is that of the
            heads they begin with.
        restart: forget unfinished runs.

    Raises:
        ConfigError: fewer than two seeds, one twice, or several processes.
        DataError: a corpus is missing or has an error.
        MarsadError: what :func:`marsad.training.train` raises.
    """
    refuse_processes("train.seeds")
    ModelFolder(config.output).refuse_strangers(config.encoder)
    check_data(config)
    runs = dict(zip(map(str, config.train.seeds), _seed_runs(config), strict=True))
    folders = {seed: train_once(run, restart=restart) for seed, run in runs.items()}
    repeats = Repeats({seed: best_scoring(folder) for seed, folder in folders.items()})
    record: dict[str, object] = {"figures": repeats.to_record()}
    if config.train.keep == "mean":
        repeats = replace(repeats, mean=_keep_mean([*folders.values()], config))
        record["mean"] = repeats.mean
    else:
        adopt(runs[repeats.best], config.output)
        record["best"] = int(repeats.best)
    write_json(config.output / "seeds.json", record)
    return repeats


def _seed_runs(config: RunConfig) -> list[RunConfig]:
    seeds = config.train.seeds
    if len(set(seeds)) < max(2, len(seeds)):
        raise ConfigError(
            f"train.seeds: {list(seeds)}; give at least two that differ, or one as seed"
        )
    if config.train.data_seed is not None:
        raise ConfigError("train.data_seed: is of one run; leave it out beside train.seeds")
    return [
        with_values(
            config,
            {
                **_chance(config, seed),
                "output": str(config.output / RUNS / str(seed)),
                "train.seeds": [],
                "train.keep": "best",
                "search": None,
            },
        )
        for seed in seeds
    ]


def _chance(config: RunConfig, seed: int) -> dict[str, object]:
    """Return what a seed stands for: all of chance, or, for a mean, what comes after the heads."""
    if config.train.keep == "best":
        return {"seed": seed}
    return {"train.data_seed": None if seed == config.seed else seed}


def _keep_mean(runs: Sequence[ModelFolder], config: RunConfig) -> dict[str, float]:
    """Make the mean of the runs' weights the model, unless it is that already."""
    folder = ModelFolder(config.output)
    with staging(folder) as staged:
        figures = write_mean(runs, config, staged)
        if not _holds(folder, staged):
            folder.replace_with(staged)
    return figures


def _holds(folder: ModelFolder, staged: ModelFolder) -> bool:
    """Say whether a folder has all of a model, undamaged; what was made of it since may be there.

    ``metrics.json`` may say more than the staged one.
    """
    if not (folder.path / ModelFolder.CHECKSUMS).exists():
        return False
    try:
        folder.verify()
    except ModelError:
        return False
    own = (path for path in staged.present() if path != staged["metrics"])
    return folder["metrics"].exists() and all(_same(folder.path / p.name, p) for p in own)


def _same(one: Path, other: Path) -> bool:
    return one.exists() and sha256(one) == sha256(other)


def refuse_processes(what: str) -> None:
    """Refuse several processes; each run of many is one of its own.

    Raises:
        ConfigError: there are several.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError(
            f"{what}: many runs train in one process; leave torchrun or accelerate launch out, "
            "or train each run by itself on all processes"
        )


def check_data(config: RunConfig) -> None:
    """Read what the runs learn from and what they are scored on, before the first begins.

    Raises:
        DataError: a corpus is missing or has an error.
    """
    open_benchmark(config.data.dev, source=config.data.corpora)
    check_corpora(config.data)
