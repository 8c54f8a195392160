"""What is to be read: texts of files, folders, standard input, JSON Lines and parquet, one by one.

Nothing is held in memory but the document at hand. What cannot be read is passed on as such, with
the reason, so that one bad document does not stop a run over a million.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from marsad.document import Document, parse_document
from marsad.errors import DataError, MissingExtraError
from marsad.files import decode_text, read_text

STANDARD_INPUT = "-"
_LINES, _PARQUET = ".jsonl", ".parquet"
ENDINGS = (".txt", _LINES, _PARQUET)  # of the files that are read in a folder
_ROWS = 256  # of a parquet file that are held at once


@dataclass(frozen=True)
class Rejected:
    """A document that cannot be read: where it is, and why."""

    where: str
    reason: str


Given = Document | Rejected
Found = tuple[Path, str]  # a file, and the id of the text in it


def find_files(paths: Iterable[Path]) -> list[Found]:
    """Return the files of the paths, folders opened, each with the id of the text in it.

    Raises:
        DataError: a path does not exist, or a folder has no file that can be read.
    """
    found: list[Found] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix in ENDINGS and p.is_file())
            if not inside:
                raise DataError(f"{path}: no {', '.join(ENDINGS)} file in this folder")
            found += [(own, own.relative_to(path).with_suffix("").as_posix()) for own in inside]
        elif str(path) == STANDARD_INPUT:
            found.append((path, "stdin"))
        elif not path.exists():
            raise DataError(f"{path}: no such file; check the path")
        else:
            found.append((path, path.stem))
    return found


def read_inputs(files: Iterable[Found]) -> Iterator[Given]:
    """Yield the documents of files, in order."""
    for path, id_ in files:
        if path.suffix == _LINES:
            yield from _read_lines(path)
        elif path.suffix == _PARQUET:
            yield from _read_parquet(path)
        else:
            yield _read_text(path, id_)


def _read_text(path: Path, id_: str) -> Given:
    try:
        if str(path) == STANDARD_INPUT:
            return Document(id_, decode_text(sys.stdin.buffer.read(), "standard input"))
        return Document(id_, read_text(path))
    except DataError as error:
        return Rejected(str(path), _reason(error, str(path)))


def _read_lines(path: Path) -> Iterator[Given]:
    """Yield the documents of a JSON Lines file; what is marked in them already is left out."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            where = f"{path}:{number}"
            if not line.strip():
                continue
            try:
                record = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
                yield _unmarked(parse_document(record, where))
            except json.JSONDecodeError as error:
                yield Rejected(where, f"not JSON ({error.msg} at column {error.colno})")
            except UnicodeDecodeError as error:
                yield Rejected(where, f"not UTF-8 (byte {error.start})")
            except DataError as error:
                yield Rejected(where, _reason(error, where))


def _read_parquet(path: Path) -> Iterator[Given]:
    """Yield the rows of a parquet file with the columns ``id`` and ``text``.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ModuleNotFoundError:
        raise MissingExtraError("pyarrow", "parquet") from None
    try:
        with ParquetFile(path) as file:
            if missing := {"id", "text"} - set(file.schema_arrow.names):
                yield Rejected(str(path), f"no column {', '.join(sorted(missing))}")
                return
            row = 0
            for batch in file.iter_batches(_ROWS, columns=["id", "text"]):
                for id_, text in zip(*(column.to_pylist() for column in batch), strict=True):
                    row += 1
                    yield _row(f"{path}:{row}", id_, text)
    except ArrowException as error:
        yield Rejected(str(path), f"not parquet ({str(error).splitlines()[0]})")


def _row(where: str, id_: object, text: object) -> Given:
    if not isinstance(text, str):
        return Rejected(where, "no text")
    if not text.strip():
        return Rejected(where, "empty; nothing to read")
    return Document(str(id_), text)


def _unmarked(document: Document) -> Document:
    """Return the text of a document under its sentences, if it has any, for a model to read."""
    if not document.text.strip():
        raise DataError(": empty; nothing to read")
    sentences = tuple(replace(sentence, events=()) for sentence in document.sentences)
    return Document(document.id, document.text, sentences, meta=document.meta)


def _reason(error: DataError, where: str) -> str:
    """Return what an error says without the file that it opens with; a line stays."""
    return re.sub(r"^:(\d+): ", r"line \1: ", str(error).removeprefix(where)).removeprefix(": ")
