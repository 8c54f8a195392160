"""Repeated runs: one configuration, trained several times; each run is trained once.

With ``train.seeds`` the runs differ in their seed alone. They say how much of a figure is luck
(Reimers and Gurevych 2017, "Reporting Score Distributions Makes a Difference"); the best of them on
dev becomes the model, or the mean of their weights.
"""

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from shutil import copyfile, rmtree
from statistics import mean, stdev

from marsad.benchmarks import open_benchmark
from marsad.checkpoints import FOLDER as CHECKPOINTS
from marsad.checkpoints import Checkpoints, differing
from marsad.config import RunConfig, load_config, with_values
from marsad.errors import ConfigError, MarsadError, TrainingError
from marsad.files import atomic_write, read_records, sha256
from marsad.metrics import Spread
from marsad.mixture import check_corpora
from marsad.model_folder import ModelFolder
from marsad.processes import main_first
from marsad.seeds import RUNS
from marsad.soup import write_mean
from marsad.training import run_record, train

log = logging.getLogger(__name__)

SCORE = "eval_score"
_TRAINED = [
    role
    for role in ModelFolder.FILES
    if role not in {"card", "metrics", "onnx", "onnx_int8", "onnx_fp16"}
]
_NEEDED = {"run", "log", "config", "weights"}
_STAGED = ".adopted"  # in the folder itself, so that a rename is enough


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
    write_record(config.output / "seeds.json", record)
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
    folder, staged = ModelFolder(config.output), ModelFolder(config.output / _STAGED)
    with _staging(staged):
        figures = write_mean(runs, config, staged)
        if not all(_same(folder[role], staged[role]) for role in ("weights", "run")):
            folder.replace_with(staged)
    return figures


def _same(one: Path, other: Path) -> bool:
    return one.exists() and sha256(one) == sha256(other)


@contextmanager
def _staging(staged: ModelFolder) -> Iterator[None]:
    """Let a model be written beside the one that it will replace.

    Raises:
        TrainingError: it cannot be written.
    """
    rmtree(staged.path, ignore_errors=True)  # of a process that was killed
    try:
        staged.path.mkdir(parents=True)
        yield
    except OSError as error:
        raise TrainingError(
            f"{staged.path.parent}: the model cannot be written ({error.strerror}); "
            "mend that, or free some space, and run the same command again"
        ) from error
    finally:
        rmtree(staged.path, ignore_errors=True)


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


def train_once(config: RunConfig, *, restart: bool = False) -> ModelFolder:
    """Train a run, unless its folder holds it already: finished, and of the same data.

    What the run is made of is kept beside its folder, ``NAME.json`` beside ``NAME``.

    Args:
        config: the run.
        restart: forget an unfinished run.

    Raises:
        MarsadError: what :func:`marsad.training.train` raises.
        ModelError: the folder holds it, but with a file that was changed since.
    """
    with main_first():
        finished = _is_trained(config)
    return ModelFolder(config.output) if finished else train(config, restart=restart)


def _is_trained(config: RunConfig) -> bool:
    """Say whether a run's folder holds what it ends with; if not, write down that it begins."""
    folder, record = ModelFolder(config.output), run_record(config)
    begun = config.output.parent / f"{config.output.name}.json"
    theirs = json.loads(begun.read_text(encoding="utf-8")) if begun.exists() else {}
    if theirs == record:
        if is_finished(config):
            log.info("%s: trained before", folder.path)
            Checkpoints(folder.path / CHECKPOINTS).remove()  # killed on its very last step
            _restate(folder, config)
            return True
    else:  # what is there is of another run, and must not pass for this one
        if (sums := folder.path / ModelFolder.CHECKSUMS).exists():
            _say_why(folder, _difference(theirs, record) if theirs else f"there is no {begun}")
            sums.unlink()
        write_record(begun, record)
    return False


def is_finished(config: RunConfig) -> bool:
    """Say whether the folder of a run holds what the run's training ends with, undamaged.

    Values that do not change training may differ. If it holds something else, the log says what.
    """
    folder = ModelFolder(config.output)
    if not (folder.path / ModelFolder.CHECKSUMS).exists():
        return False
    reason = _why_not(folder, config)
    if reason:
        _say_why(folder, reason)
    return not reason


def _why_not(folder: ModelFolder, config: RunConfig) -> str:
    """Return why a model is not what a run's training ends with; nothing if it is."""
    sums = (folder.path / ModelFolder.CHECKSUMS).read_text(encoding="utf-8")
    listed = {line.rpartition("  ")[2] for line in sums.splitlines()}
    wanted = [role for role in _TRAINED if role in _NEEDED or ModelFolder.FILES[role] in listed]
    for path in (folder[role] for role in wanted):
        if not path.exists():
            return f"{path.name} is missing"
    try:
        folder.verify(*wanted)
        return _difference(run_record(load_config(folder["run"])), run_record(config))
    except (MarsadError, OSError) as error:  # also of a corpus that is gone
        return str(error)


def _difference(theirs: Mapping[str, object], ours: Mapping[str, object]) -> str:
    changed = differing(theirs, ours)
    return f"it differs in {', '.join(changed)}" if changed else ""


def _say_why(folder: ModelFolder, reason: str) -> None:
    log.warning("%s: made anew, for %s", folder.path, reason)


def _restate(folder: ModelFolder, config: RunConfig) -> None:
    """Let a finished run's file say the values of today; those that change training are the same.

    Raises:
        ModelError: a file was changed since the checksums were written.
    """
    if folder["run"].read_text(encoding="utf-8") == config.to_yaml():
        return
    folder.verify()
    with atomic_write(folder["run"]) as out:
        out.write(config.to_yaml())
    folder.write_checksums()


def best_scoring(folder: ModelFolder) -> dict[str, float]:
    """Return the figures of the scoring that a run's weights are of: the first of the best.

    Raises:
        DataError: the run's log is missing or damaged.
    """
    lines = [line for _, line in read_records(folder["log"]) if SCORE in line]
    best = max(lines, key=lambda line: float(line[SCORE]))
    return {name: value for name, value in best.items() if name.startswith("eval_")}


def adopt(run: RunConfig, output: Path) -> ModelFolder:
    """Make a finished run the model of another folder, unless it is that already.

    The older model is left as it is until all of the new one has been copied.

    Raises:
        TrainingError: the new one cannot be copied.
    """
    own, folder, staged = (ModelFolder(p) for p in (run.output, output, output / _STAGED))
    adopted = with_values(run, {"output": str(output)})
    if not _is_adopted(folder, own, adopted):
        with _staging(staged):
            _copy(own, staged, adopted)
            folder.replace_with(staged)
    return folder


def _is_adopted(folder: ModelFolder, own: ModelFolder, adopted: RunConfig) -> bool:
    return (
        is_finished(adopted)
        and folder["run"].read_text(encoding="utf-8") == adopted.to_yaml()
        and sha256(folder["weights"]) == sha256(own["weights"])
    )


def _copy(own: ModelFolder, staged: ModelFolder, adopted: RunConfig) -> None:
    for path in own.present():
        copyfile(path, staged.path / path.name)
    with atomic_write(staged["run"]) as out:
        out.write(adopted.to_yaml())
    staged.write_checksums()


def write_record(path: Path, record: Mapping[str, object]) -> None:
    """Write JSON values, whole or not at all."""
    with atomic_write(path) as out:
        json.dump(record, out, ensure_ascii=False, indent=1)
        out.write("\n")
