"""Benchmarks: annotated documents, and the ruler that they are scored by.

A file of our own is one; so are public corpora with other labels, under ``public:`` names. Nothing
of them is part of this project: a caller names the folder that holds them. Their training parts
are read here too; no benchmark but the whole files of ``public:assault`` and ``public:protest``
shares sentences with them, where a corpus does not give one twice itself.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from marsad.benchmarks import anercorp, event_gsr, wojood
from marsad.benchmarks.benchmark import Annotated, Benchmark, Publication
from marsad.corpus import read_corpus
from marsad.document import Document
from marsad.errors import DataError, did_you_mean
from marsad.files import sha256
from marsad.labels import scheme
from marsad.scoring.ruler import own_ruler
from marsad.sections import PREFIX

SOURCE_VARIABLE = "MARSAD_CORPORA"

T = TypeVar("T")

PUBLIC: Mapping[str, Callable[[Path], Benchmark]] = MappingProxyType(
    {
        "public:anercorp": anercorp.read_benchmark,
        "public:anercorp-dev": anercorp.read_dev,
        "public:anercorp+context": lambda source: anercorp.in_context(
            anercorp.read_benchmark(source)
        ),
        "public:anercorp-dev+context": lambda source: anercorp.in_context(
            anercorp.read_dev(source)
        ),
        "public:wojood": wojood.read_benchmark,
        "public:assault": event_gsr.read_assault,
        "public:assault+abduction": event_gsr.read_assault_with_abduction,
        "public:protest": event_gsr.read_protest,
        **{
            f"public:{plover.lower()}-{name}": partial(
                event_gsr.read_part, plover=plover, part=part, name=f"{plover.lower()}-{name}"
            )
            for plover in scheme().sources["event_gsr"].events
            for name, part in (("test", event_gsr.TEST), ("dev", event_gsr.DEV))
        },
    }
)

TRAINING: Mapping[str, Callable[[Path], list[Annotated]]] = MappingProxyType(
    {
        "public:anercorp": anercorp.read_training,
        "public:anercorp+context": anercorp.read_training_in_context,
        "public:wojood": wojood.read_training,
        "public:event_gsr": event_gsr.read_training,
    }
)

# What is to be said of each training part.
PUBLICATIONS: Mapping[str, Publication] = MappingProxyType(
    {
        "public:anercorp": anercorp.PUBLICATION,
        "public:anercorp+context": anercorp.PUBLICATION,
        "public:wojood": wojood.PUBLICATION,
        "public:event_gsr": event_gsr.PUBLICATION,
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
        documents = read_corpus(path)
        answers = _answers_of_models(documents)
        return Benchmark(data, documents, own_ruler(), sha256(path), defects=answers)
    return _public(data, PUBLIC)(corpora_folder(data, source))


def _answers_of_models(documents: Iterable[Document]) -> dict[str, int]:
    """Count mentions and events with a probability: a model agrees with itself by nature."""
    found = 0
    for document in documents:
        found += sum(entity.score is not None for entity in document.entities)
        found += sum(e.score is not None for s in document.sentences for e in s.events)
    name = "mentions and events with a model's probability, taken as right"
    return {name: found} if found else {}


def open_training(data: str, *, source: Path | None = None) -> list[Annotated]:
    """Read a file of annotated documents, or the training part of a public corpus.

    Args:
        data: a path, or one of ``TRAINING``.
        source: as for :func:`open_benchmark`.

    Raises:
        DataError: as from :func:`open_benchmark`.
    """
    if not data.startswith(PREFIX):
        return [Annotated(document) for document in read_corpus(Path(data))]
    return _public(data, TRAINING)(corpora_folder(data, source))


def _public(data: str, corpora: Mapping[str, T]) -> T:
    if data not in corpora:
        known = ", ".join(corpora)
        own = data.removeprefix(PREFIX)
        near = did_you_mean(own, [name.removeprefix(PREFIX) for name in corpora])
        raise DataError(f"{data}: unknown{near}; known are {known}")
    return corpora[data]


def corpora_folder(data: str, source: Path | None) -> Path:
    """Return the folder of the public corpora, for what is called ``data``.

    Raises:
        DataError: nobody says where it is.
    """
    folder = source or os.environ.get(SOURCE_VARIABLE)
    if not folder:
        raise DataError(f"{data}: name the corpora's folder with --source or {SOURCE_VARIABLE}")
    return Path(folder)


__all__ = [
    "PREFIX",
    "PUBLIC",
    "PUBLICATIONS",
    "TRAINING",
    "Annotated",
    "Benchmark",
    "Publication",
    "corpora_folder",
    "open_benchmark",
    "open_training",
]
