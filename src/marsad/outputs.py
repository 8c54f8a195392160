"""What predictions are written as: one format an ending, each file whole or not there at all."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import MappingProxyType

from marsad.document import Document, parse_document
from marsad.errors import ConfigError
from marsad.files import atomic_write
from marsad.formats import FORMATS
from marsad.page import render_page

# Gives the documents from the first on, as lines of JSON.
Lines = Callable[[], Iterator[str]]
Writer = Callable[[Lines, Path], None]

_PAGE = ".html"


def writer_of(path: Path) -> Writer:
    """Return what writes an output, by the ending of its name.

    Raises:
        ConfigError: the ending says nothing.
    """
    if path.suffix not in WRITERS:
        known = ", ".join(filter(None, WRITERS))
        raise ConfigError(
            f"{path}: unknown output format {path.suffix!r}; use {known}, or a folder for brat"
        )
    return WRITERS[path.suffix]


def check_outputs(outputs: Sequence[Path], inputs: int) -> None:
    """Refuse outputs that cannot be written, before anything is read.

    Raises:
        ConfigError: an ending says nothing, or a page shall hold several documents.
    """
    for path in outputs:
        writer_of(path)
        if path.suffix == _PAGE and inputs > 1:
            raise ConfigError(f"{path}: a page holds one document, and {inputs} were given")


def write_jsonl(lines: Lines, path: Path) -> None:
    """Write one document a line."""
    with atomic_write(path) as out:
        out.writelines(f"{line}\n" for line in lines())


def write_json(lines: Lines, path: Path) -> None:
    """Write one list of documents."""
    with atomic_write(path) as out:
        out.write("[")
        for number, line in enumerate(lines()):
            out.write(",\n" if number else "\n")
            out.write(line)
        out.write("\n]\n")


def write_page(lines: Lines, path: Path) -> None:
    """Write a page of the only document there is.

    Raises:
        ConfigError: there are several.
    """
    first, *others = islice(lines(), 2)
    if others:
        raise ConfigError(f"{path}: a page holds one document; write a .jsonl file")
    with atomic_write(path) as out:
        out.write(render_page(_parse(first)))


def _write_as(name: str) -> Writer:
    return lambda lines, path: FORMATS[name].write(map(_parse, lines()), path)


def _parse(line: str) -> Document:
    return parse_document(json.loads(line), "journal")


# By the ending of an output; a folder has none, and holds brat's files.
WRITERS: Mapping[str, Writer] = MappingProxyType(
    {
        ".jsonl": write_jsonl,
        ".json": write_json,
        ".conll": _write_as("conll"),
        _PAGE: write_page,
        "": _write_as("brat"),
    }
)
