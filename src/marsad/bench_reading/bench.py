"""The benchmark: all ways on the same texts, and the table with the ratios first."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from marsad.bench_reading.measuring import PERCENTILES, Length, Reading, measure, measure_lengths
from marsad.bench_reading.peak import int8_peak, work
from marsad.bench_reading.ways import BATCHES, our_ways, pipelines
from marsad.machine import Machine, describe_machine
from marsad.model_folder import ModelFolder
from marsad.runtime import PREFERENCE
from marsad.split import HALVES, write_half

MIB = 2**20


@dataclass(frozen=True)
class Bench:
    """What all ways took, the usual one and its best batch size last.

    ``peak`` is what the machine does in int8, and ``work`` what the texts need, in multiply-adds.
    ``lengths`` are of the first way, on single documents that grow.
    """

    machine: Machine
    model: str
    texts: str
    peak: float
    work: int
    ours: tuple[Reading, ...]
    usual: Reading
    best: Reading
    lengths: tuple[Length, ...]

    def to_record(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return asdict(self)

    def to_lines(self) -> Iterator[str]:
        """Yield Markdown."""
        latencies = " | ".join(f"p{p}, ms" for p in PERCENTILES)
        yield (
            "| way | × as written | × best batch | documents/s | words/s | "
            f"{latencies} | start, s | memory, MiB |"
        )
        yield "|---" + "|---:" * (7 + len(PERCENTILES)) + "|"
        for own in dict.fromkeys((*self.ours, self.best, self.usual)):  # the best may be the usual
            ratios = " | ".join(
                f"{own.texts_a_second / other.texts_a_second:.1f}"
                for other in (self.usual, self.best)
            )
            single = " | ".join(f"{1000 * seconds:.1f}" for seconds in own.latencies)
            yield (
                f"| {own.way} | {ratios} | {own.texts_a_second:.2f} | {own.words_a_second:,.0f} | "
                f"{single} | {own.start:.2f} | {own.memory / MIB:,.0f} |"
            )
        yield from self._lengths()
        yield from self._roofline()
        machine = self.machine
        yield (
            f"\n{machine.processor}, {machine.threads} threads, bf16 "
            f"{'native' if machine.bf16 else 'not native'}, load {machine.load:.1f} before; Python "
            f"{machine.python}, torch {machine.torch}, transformers {machine.transformers}; "
            f"{self.model} on {self.usual.texts} documents, {self.usual.words:,} words, of "
            f"{self.texts}"
        )

    def _lengths(self) -> Iterator[str]:
        yield f"\n| words in one document, {self.ours[0].way} | words/s | memory, MiB |"
        yield "|---:|---:|---:|"
        for own in self.lengths:
            yield f"| {own.words:,} | {own.words / own.seconds:,.0f} | {own.memory / MIB:,.0f} |"

    def _roofline(self) -> Iterator[str]:
        int8 = next((own for own in self.ours if "int8" in own.way), None)
        if int8:
            reached = self.work / int8.seconds
            yield (
                f"\nint8 peak of this machine {self.peak / 1e9:.0f} billion multiply-adds a second "
                f"(onnxruntime, one large product); {int8.way} reaches {reached / 1e9:.0f}, "
                f"{reached / self.peak:.0%}, in products with weights"
            )


def bench(
    folder: ModelFolder,
    texts: Sequence[str],
    *,
    source: str,
    rounds: int = 2,
    more: Iterable[str] = (),
) -> Bench:
    """Measure a joint model's files and the two pipelines over its weights.

    Args:
        folder: the model.
        texts: what is read.
        source: names the texts.
        rounds: how often all texts are read; the best counts.
        more: texts that make single documents long enough, behind the others.

    Raises:
        ModelError: the model is not joint, or a file of it cannot be read.
        MarsadError: the process of a way died.
    """
    folder.require(
        "weights",
        "the pipelines that it is measured against are made of them; name the run's own folder, "
        "which a release is a copy of",
    )
    machine = describe_machine()
    files = [role for role in PREFERENCE if folder[role].exists()]
    with TemporaryDirectory() as scratch:
        halves = Path(scratch) / "entities", Path(scratch) / "events"
        for half in halves:
            write_half(folder, HALVES[half.name], half)
        ways = list(our_ways(folder.path, files, bf16=machine.bf16))
        ours = [measure(way, texts, rounds=rounds) for way in ways]
        lengths = measure_lengths(ways[0], [*texts, *more])
        usual = measure(pipelines(*halves, 1), texts, rounds=rounds)
        others = [
            measure(pipelines(*halves, size), texts, rounds=rounds, start=usual.start)
            for size in BATCHES
        ]
        best = max([usual, *others], key=lambda own: own.texts_a_second)
    return Bench(
        machine,
        str(folder.path),
        source,
        int8_peak(),
        work(folder, texts),
        tuple(ours),
        usual,
        best,
        lengths,
    )
