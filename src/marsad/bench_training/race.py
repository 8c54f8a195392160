"""A race: both recipes with each seed, every run in a process of its own."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from marsad.apart import run_apart
from marsad.bench_training.baseline import Padding, run_baseline
from marsad.bench_training.material import Material
from marsad.bench_training.ours import run_ours
from marsad.bench_training.outcome import Heat, Outcome
from marsad.bench_training.result import Result
from marsad.config import RunConfig, with_values
from marsad.encoders.loading import load_encoder
from marsad.errors import ConfigError
from marsad.machine import describe_machine


def race(
    config: RunConfig,
    material: Material,
    *,
    seeds: Sequence[int],
    scorings: int,
    epochs: float | None = None,
    padding: Padding = "length",
) -> Result:
    """Run both recipes with each seed, one after the other; the first is another in each heat.

    Args:
        config: our run; its data, seed and output are set here.
        material: what both learn from and are scored on.
        seeds: of the heats.
        scorings: how many an epoch has.
        epochs: of both, in place of each recipe's own.
        padding: what the baseline pads its sentences to.

    Raises:
        ConfigError: the run reads no entities, or a seed or the epochs are out of range.
        DataError: the dev part is missing or has an error.
        ModelError: the encoder cannot be loaded.
        MarsadError: a run was refused, or died.
    """
    if config.task == "events":
        raise ConfigError("task: events reads no entities, which the benchmark scores; take ner")
    dev, machine, heats = material.read_dev(), describe_machine(), []
    with TemporaryDirectory() as folder:
        scratch = Path(folder)
        runs = [
            own_run(config, material, scratch / f"marsad-{seed}", seed=seed, epochs=epochs)
            for seed in seeds
        ]
        save_encoder(config.encoder, scratch / "encoder")
        usual = partial(run_baseline, scratch / "encoder", material, scratch / "baseline")
        usual = partial(usual, scorings=scorings, epochs=epochs, padding=padding)
        for number, run in enumerate(runs):
            ours = partial(run_ours, run, material, scorings=scorings)
            baseline = partial(usual, seed=run.seed)
            heats.append(
                run_heat(run.seed, ours=ours, baseline=baseline, ours_first=number % 2 == 1)
            )
    return Result(machine, config.encoder, material.train, dev, tuple(heats))


def run_heat(
    seed: int,
    *,
    ours: Callable[[], Outcome],
    baseline: Callable[[], Outcome],
    ours_first: bool,
    run: Callable[[Callable[[], Outcome]], Outcome] = run_apart,
) -> Heat:
    """Run both recipes in one order or the other: a machine may slow down as it warms up."""
    first, second = (ours, baseline) if ours_first else (baseline, ours)
    done = run(first), run(second)
    own, usual = done if ours_first else done[::-1]
    return Heat(seed, ours=own, baseline=usual, ours_first=ours_first)


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
    """Return our run on the material.

    Raises:
        ConfigError: the seed or the epochs are out of range.
    """
    values = {
        "data": material.config.model_dump(mode="json"),
        "output": str(output),
        "seed": seed,
        "train.data_seed": None,  # the seed of a heat stands for all of chance
    }
    return with_values(config, values if epochs is None else values | {"train.epochs": epochs})
