"""What is measured of a way to read, each in a process of its own."""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from marsad.apart import run_apart
from marsad.bench_reading.ways import Read, Way
from marsad.errors import ModelError
from marsad.memory import peak_resident
from marsad.text.words import count_words

PERCENTILES = (50, 95, 99)
LENGTHS = (2_000, 20_000, 200_000)  # words of one document
_WARM = 4  # texts that are read before the clock runs
_STARTS = 3
_SINGLE = 200  # texts that are timed one by one


@dataclass(frozen=True)
class Reading:
    """What a way took: the seconds for all texts, the best of several rounds.

    ``latencies`` are seconds for one text at a time, at ``PERCENTILES``; ``start`` are seconds from
    the start of a program to its first text, the best of several; ``memory`` is the most that the
    process held, in bytes.
    """

    way: str
    texts: int
    words: int
    seconds: float
    latencies: tuple[float, ...]
    start: float
    memory: int

    @property
    def texts_a_second(self) -> float:
        """How many texts were read a second."""
        return self.texts / self.seconds

    @property
    def words_a_second(self) -> float:
        """How many words were read a second."""
        return self.words / self.seconds


def measure(way: Way, texts: Sequence[str], *, rounds: int, start: float | None = None) -> Reading:
    """Measure a way on texts.

    Args:
        way: what reads.
        texts: what is read.
        rounds: how often all are; the best counts.
        start: the seconds of a start, where they are known of the same program.

    Raises:
        MarsadError: the way was refused, or its process died.
    """
    seconds, latencies, memory = run_apart(partial(_measure, way, tuple(texts), rounds))
    return Reading(
        way.name,
        len(texts),
        sum(map(count_words, texts)),
        seconds,
        latencies,
        min(time_start(way, texts[0]) for _ in range(_STARTS)) if start is None else start,
        memory,
    )


def _measure(way: Way, texts: tuple[str, ...], rounds: int) -> tuple[float, tuple[float, ...], int]:
    read = way.load()
    read(texts[:_WARM])
    seconds = min(_time(read, texts) for _ in range(rounds))
    memory = peak_resident()
    single = [_time(read, [text]) for text in texts[:_SINGLE]]
    return seconds, tuple(float(p) for p in np.percentile(single, PERCENTILES)), memory


def _time(read: Read, texts: Sequence[str]) -> float:
    begun = time.perf_counter()
    read(texts)
    return time.perf_counter() - begun


@dataclass(frozen=True)
class Length:
    """What a way took for one document of so many words; ``memory`` as in :class:`Reading`."""

    words: int
    seconds: float
    memory: int


def measure_lengths(way: Way, texts: Sequence[str]) -> tuple[Length, ...]:
    """Measure a way on documents of growing length, each in a process of its own.

    A document is the first texts that together have one of ``LENGTHS`` words, or all texts where
    they have fewer; none is in it twice.
    """
    found: dict[int, Length] = {}
    for most in LENGTHS:
        joined, words = [], 0
        for text in texts:
            if words >= most:
                break
            joined.append(text)
            words += count_words(text)
        if words not in found:
            found[words] = Length(words, *run_apart(partial(_read_one, way, "\n\n".join(joined))))
    return tuple(found.values())


def _read_one(way: Way, text: str) -> tuple[float, int]:
    read = way.load()
    read([text[:1000]])
    return _time(read, [text]), peak_resident()


def time_start(way: Way, text: str) -> float:
    """Return the seconds from the start of the way's program until it has read a text.

    Raises:
        ModelError: the program failed.
    """
    with TemporaryDirectory() as folder:
        file = Path(folder) / "text.txt"
        file.write_text(text, encoding="utf-8", newline="")
        begun = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, *way.program, str(file)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdout
            line = process.stdout.readline()
            seconds = time.perf_counter() - begun
            _, error = process.communicate()
    if not line:
        last = error.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise ModelError(f"{way.name}: could not be started ({' '.join(last)})")
    return seconds
