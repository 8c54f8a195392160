"""Benchmarks: annotated documents, and the ruler that they are scored by.

A file of our own is one; so are public corpora with other labels, under ``public:`` names. Nothing
of them is part of this project: a caller names the folder that holds them.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from marsad.benchmarks import anercorp, event_gsr, wojood
from marsad.benchmarks.benchmark import Benchmark
from marsad.corpus import read_corpus
from marsad.errors import DataError, did_you_mean
from marsad.files import sha256
from marsad.scoring.ruler import own_ruler

PREFIX = "public:"
SOURCE_VARIABLE = "MARSAD_CORPORA"

PUBLIC: Mapping[str, Callable[[Path], Benchmark]] = MappingProxyType(
    {
        "public:anercorp": anercorp.read_benchmark,
        "public:wojood": wojood.read_benchmark,
        "public:assault": event_gsr.read_assault,
        "public:assault+abduction": event_gsr.read_assault_with_abduction,
        "public:protest": event_gsr.read_protest,
    }
)


def open_benchmark(data: str, *, source: Path | None = None) -> Benchmark:
    """Read a file of annotated documents, or a public corpus by its name.

    Args:
        data: a path, or one of ``PUBLIC``.
        source: the folder of the public corpora; by default what ``MARSAD_CORPORA`` names.

    Raises:
        DataError: the name is unknown, the folder is not given, or a file is missing or wrong.
    """
    if not data.startswith(PREFIX):
        path = Path(data)
        return Benchmark(data, read_corpus(path), own_ruler(), sha256(path))
    if data not in PUBLIC:
        known = ", ".join(PUBLIC)
        own = data.removeprefix(PREFIX)
        near = did_you_mean(own, [name.removeprefix(PREFIX) for name in PUBLIC])
        raise DataError(f"{data}: unknown{near}; known are {known}")
    folder = source or os.environ.get(SOURCE_VARIABLE)
    if not folder:
        raise DataError(f"{data}: name the corpora's folder with --source or {SOURCE_VARIABLE}")
    return PUBLIC[data](Path(folder))


__all__ = ["PUBLIC", "Benchmark", "open_benchmark"]
