"""A race: both recipes with each seed, every run in a process of its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from marsad.bench_training.baseline import run_baseline
from marsad.bench_training.machine import describe_machine
from marsad.bench_training.material import Material
from marsad.bench_training.ours import run_ours
from marsad.bench_training.outcome import Heat, Outcome
from marsad.bench_training.result import Result
from marsad.config import RunConfig
from marsad.encoders.loading import load_encoder
from marsad.errors import ConfigError, TrainingError


def race(
    config: RunConfig,
    material: Material,
    *,
    seeds: Sequence[int],
    scorings: int,
    epochs: float | None = None,
) -> Result:
    """Run both recipes with each seed, one after the other.

    Args:
        config: our run; its data, seed and output are set here.
        material: what both learn from and are scored on.
        seeds: of the heats.
        scorings: how many an epoch has.
        epochs: of both, in place of each recipe's own.

    Raises:
        ConfigError: the run reads no entities.
        DataError: a corpus is missing or has an error.
        ModelError: the encoder cannot be loaded.
        TrainingError: a run died.
    """
    if config.task == "events":
        raise ConfigError("task: events reads no entities, which the benchmark scores; take ner")
    dev, machine, heats = material.read_dev(), describe_machine(), []
    with TemporaryDirectory() as folder:
        scratch = Path(folder)
        save_encoder(config.encoder, scratch / "encoder")
        for seed in seeds:
            run = own_run(config, material, scratch / f"marsad-{seed}", seed=seed, epochs=epochs)
            usual = partial(run_baseline, scratch / "encoder", material, scratch / "baseline")
            usual = partial(usual, seed=seed, scorings=scorings, epochs=epochs)
            ours = partial(run_ours, run, material, scorings=scorings)
            heats.append(Heat(seed, baseline=run_apart(usual), ours=run_apart(ours)))
    return Result(machine, config.encoder, material.train, dev, tuple(heats))


def save_encoder(name: str, folder: Path) -> None:
    """Write an encoder as the folder that the usual recipe starts from.

    A builtin one is converted by the way, if it never was, so that no run pays for it.
    """
    encoder = load_encoder(name)
    encoder.model.save_pretrained(folder)
    encoder.tokenizer.save_pretrained(folder)


def own_run(
    config: RunConfig, material: Material, output: Path, *, seed: int, epochs: float | None
) -> RunConfig:
    """Return our run on the material."""
    other = {} if epochs is None else {"epochs": epochs}
    changes = {
        "data": material.config,
        "output": output,
        "seed": seed,
        "train": config.train.model_copy(update=other),
    }
    return config.model_copy(update=changes)


def run_apart(run: Callable[[], Outcome]) -> Outcome:
    """Run in a process of its own, whose memory holds nothing else.

    Raises:
        TrainingError: the process died.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(run).result()
        except BrokenProcessPool:
            raise TrainingError(
                "the process of a run died; memory may have run out: lower train.batch_size"
            ) from None
