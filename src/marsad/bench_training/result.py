"""The result of a benchmark: as JSON, and as tables with the ratios first."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from math import inf
from statistics import median_low
from typing import Any, NamedTuple

from marsad.bench_training.outcome import Heat, Outcome, median_ratios
from marsad.benchmarks import Benchmark
from marsad.machine import Machine

MIB = 2**20


@dataclass(frozen=True)
class Result:
    """All heats, and what they were run on."""

    machine: Machine
    encoder: str
    train: str
    dev: Benchmark
    heats: tuple[Heat, ...]

    def to_record(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {
            "machine": asdict(self.machine),
            "encoder": self.encoder,
            "train": self.train,
            "dev": self.dev.data,
            "dev_sha256": self.dev.digest,
            "ratios": median_ratios(self.heats),
            "heats": [heat.to_record() for heat in self.heats],
        }

    def to_lines(self) -> Iterator[str]:
        """Yield Markdown: the medians over the seeds, where they come from, and every scoring."""
        yield "| measure | ratio | marsad | baseline |\n|---|---:|---:|---:|"
        ratios = median_ratios(self.heats)
        for row in _ROWS:
            values = (_median(row.figure, self.heats, side) for side in ("ours", "baseline"))
            ours, theirs = (_written(value, row.form) for value in values)
            measure = row.measure.format(memory=self.machine.memory)
            yield f"| {measure} | {_ratio(row.ratio, ratios)} | {ours} | {theirs} |"
        yield ""
        yield from self._circumstances()
        yield "\n| seed | recipe | epochs | seconds | dev F1 |\n|---:|---|---:|---:|---:|"
        for heat in self.heats:
            for name, side in _sides(heat):
                for epochs, seconds, f1 in side.curve:
                    yield f"| {heat.seed} | {name} | {epochs:.2f} | {seconds:.1f} | {f1:.4f} |"

    def _circumstances(self) -> Iterator[str]:
        machine, first = self.machine, self.heats[0]
        bf16 = "native" if machine.bf16 else "not native"
        yield (
            f"{machine.processor}, {machine.threads} threads, bf16 {bf16}, load {machine.load:.1f} "
            f"before; Python {machine.python}, torch {machine.torch}, transformers "
            f"{machine.transformers}"
        )
        seeds = ", ".join(f"{heat.seed} ({heat.first} first)" for heat in self.heats)
        yield (
            f"{self.encoder} on {self.train}, scored on {self.dev.data} (strict micro F1, blind to "
            f"proclitics); seeds: {seeds}"
        )
        for name, side in _sides(first):
            yield f"{name}: {side.recipe}"


class _Row(NamedTuple):
    """A line of the first table: its name, its ratio, how a figure is had and written.

    ``{memory}`` in its name is for what the machine calls it.
    """

    measure: str
    ratio: str | None
    figure: Callable[[Heat, Outcome], float | None]
    form: str


_ROWS = (
    _Row("words read a second", "speed", lambda _, o: o.words_per_second, ",.0f"),
    _Row(
        "seconds to the F1 of the baseline's end",
        "time_to_target",
        lambda heat, o: o.seconds_until(heat.target),
        ",.1f",
    ),
    _Row(
        "{memory}, loading and scoring included, MiB",
        "memory",
        lambda _, o: o.memory / MIB,
        ",.0f",
    ),
    _Row("{memory} before training, MiB", None, lambda _, o: o.memory_before / MIB, ",.0f"),
    _Row("tokens computed a word", "tokens_per_word", lambda _, o: o.tokens_per_word, ".2f"),
    _Row("words read an epoch", None, lambda _, o: o.words_per_epoch, ",.0f"),
    _Row("padding share", None, lambda _, o: o.padding_share, ".1%"),
    _Row("dev F1 at the end", None, lambda _, o: o.f1, ".4f"),
    _Row("seconds of training in all", None, lambda _, o: o.seconds, ",.1f"),
    _Row("cores at work", None, lambda _, o: o.cores, ".2f"),
    _Row("seconds of scoring, not counted", None, lambda _, o: o.scoring_seconds, ",.1f"),
)


def _sides(heat: Heat) -> tuple[tuple[str, Outcome], tuple[str, Outcome]]:
    return ("marsad", heat.ours), ("baseline", heat.baseline)


def _median(
    figure: Callable[[Heat, Outcome], float | None], heats: tuple[Heat, ...], side: str
) -> float:
    values = (figure(heat, getattr(heat, side)) for heat in heats)
    return median_low(inf if value is None else value for value in values)


def _written(value: float, form: str) -> str:
    return "not reached" if value == inf else f"{value:{form}}"


def _ratio(name: str | None, ratios: dict[str, float | None]) -> str:
    value = ratios[name] if name else None
    return "" if value is None else f"{value:.2f}"
