"""What predictions are written as: one format an ending, each file whole or not there at all."""

import glob
import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import MappingProxyType

from marsad.document import Document, parse_document
from marsad.errors import ConfigError, DataError
from marsad.files import atomic_write
from marsad.formats import FORMATS, brat, conll
from marsad.input_files import REJECTED, STANDARD_INPUT, Found, is_text
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


def check_outputs(outputs: Sequence[Path], files: Sequence[Found]) -> None:
    """Refuse outputs that cannot be written, before anything is read.

    Raises:
        ConfigError: an ending or a name says nothing, a page shall hold several documents, an
            output is given twice, is an input or a folder that should be a file, or an id cannot
            name the files of a folder.
    """
    for path in outputs:
        if str(path) == STANDARD_INPUT:
            raise ConfigError(f"{path}: leave out --output to write to standard output")
        if path.name in ("", ".."):
            raise ConfigError(f"{path}: is no name of an output; name a file or a new folder")
        writer_of(path)
        if path.suffix == _PAGE and len(files) > 1:
            raise ConfigError(f"{path}: a page holds one document, and {len(files)} were given")
        if is_folder(path):
            _refuse_ids(path, files)
        elif path.is_dir():
            raise ConfigError(f"{path}: is a folder; name a file, or a folder without an ending")
    written = places_of(outputs)
    resolved = [path.resolve() for path in written]
    for number, path in enumerate(written):
        if resolved[number] in resolved[:number]:
            raise ConfigError(f"{path}: would be written twice; name each output once")
    refuse_inputs(written, [path for path, _ in files])


class Fit:
    """Says of documents, as they come, which of them some output cannot hold.

    So that this is known when one is read, and not when all are.
    """

    def __init__(self, outputs: Sequence[Path]) -> None:
        self._page = next((path for path in outputs if path.suffix == _PAGE), None)
        self._folder = any(map(is_folder, outputs))
        self._checks = [_CHECKS[path.suffix] for path in outputs if path.suffix in _CHECKS]
        self._known: set[str] = set()
        self._count = 0

    def problem(self, document: Document) -> str | None:
        """Return why a document does not fit, or None.

        Raises:
            ConfigError: there is a page, and this is the second document.
        """
        self._count += 1
        if self._page and self._count > 1:
            raise ConfigError(f"{self._page}: a page holds one document; write a .jsonl file")
        if self._folder and document.id in self._known:
            return "its id names another document's file too; rename one"
        if self._folder:
            self._known.add(document.id)
        try:
            for check in self._checks:
                check(document)
        except DataError as error:
            return str(error).removeprefix(f"document {document.id!r}: ")
        return None


def _refuse_ids(folder: Path, files: Sequence[Found]) -> None:
    """Refuse texts whose ids, as nested folders give them, cannot name the files of brat."""
    for path, id_ in files:
        if is_text(path) and not brat.can_name_files(id_):
            raise ConfigError(
                f"{folder}: brat names files by ids, and {id_!r} of {path} cannot be one; "
                "read one folder at a time, or write a .jsonl file"
            )


def refuse_inputs(written: Sequence[Path], read: Iterable[Path]) -> None:
    """Refuse to write a file that is read.

    Raises:
        ConfigError: one is, by whatever name.
    """
    own = {_file_number(path): path for path in written if path.exists()}
    if not own:
        return
    for path in read:
        if str(path) != STANDARD_INPUT and path.exists() and (number := _file_number(path)) in own:
            raise ConfigError(f"{own[number]}: is an input too; name another output")


def _file_number(path: Path) -> tuple[int, int]:
    """Return what is the same for two names of one file."""
    state = path.stat()
    return state.st_dev, state.st_ino


def aside_of(outputs: Sequence[Path]) -> Path:
    """Return the file of what was rejected and why."""
    return outputs[0].parent / f"{outputs[0].name}{REJECTED}"


def places_of(outputs: Sequence[Path]) -> list[Path]:
    """Return all that is written: the outputs, and the file of what was rejected."""
    return [*outputs, aside_of(outputs)] if outputs else []


def is_folder(path: Path) -> bool:
    """Say whether an output is a folder, which unlike a file is not written over."""
    return not path.suffix


def is_filled(path: Path) -> bool:
    """Say whether there is something that a folder cannot be written over."""
    return path.exists() and not (path.is_dir() and not any(path.iterdir()))


def remove_leftovers(path: Path) -> None:
    """Remove the temporary files and folders beside an output whose writers were killed.

    Only names as :mod:`tempfile` makes them go: ``.out.jsonl.part`` beside ``out`` is a journal.
    """
    ending = re.escape(path.suffix)
    name = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}{ending}")
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*"):
        if not name.fullmatch(leftover.name):
            continue
        if is_folder(path) and (leftover / "folder").is_dir():
            shutil.rmtree(leftover)
        elif not is_folder(path) and leftover.is_file():
            leftover.unlink(missing_ok=True)


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
        ConfigError: there are several, or none.
    """
    found = list(islice(lines(), 2))
    if not found:
        raise ConfigError(f"{path}: a page holds one document, and the inputs hold none")
    if len(found) > 1:
        raise ConfigError(f"{path}: a page holds one document; write a .jsonl file")
    with atomic_write(path) as out:
        out.write(render_page(_parse(found[0])))


def _write_as(name: str) -> Writer:
    return lambda lines, path: FORMATS[name].write(map(_parse, lines()), path)


def _parse(line: str) -> Document:
    return parse_document(json.loads(line), "journal")


# What refuses a document that an output of that ending cannot hold.
_CHECKS: Mapping[str, Callable[[Document], None]] = MappingProxyType(
    {".conll": conll.check, "": brat.check}
)

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
