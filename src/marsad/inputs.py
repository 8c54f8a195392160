"""The documents of inputs: text files, standard input, JSON Lines and parquet, one by one.

Nothing is held in memory but the document at hand. What cannot be read is passed on as such, with
the reason, so that one bad document does not stop a run over a million.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

from marsad.document import Document, parse_document
from marsad.errors import DataError, MissingExtraError
from marsad.files import decode_text, read_text
from marsad.input_files import LINES, PARQUET, STANDARD_INPUT, Found, ending_of

_NO_TEXTS = frozenset({".json", ".html", ".htm", ".xml", ".csv", ".tsv"})
_ROWS = 256  # of a parquet file that are held at once
DEEPEST = 100  # brackets in brackets of `meta`; json gives up near 1000, where depends on the call


@dataclass(frozen=True)
class Rejected:
    """A document that cannot be read: where it is, and why."""

    where: str
    reason: str


Given = Document | Rejected


def read_inputs(files: Iterable[Found]) -> Iterator[Given]:
    """Yield the documents of files, in order."""
    for path, id_ in files:
        if ending_of(path) == LINES:
            yield from _read_lines(path)
        elif ending_of(path) == PARQUET:
            yield from _read_parquet(path)
        else:
            yield _read_text(path, id_)


def _read_text(path: Path, id_: str) -> Given:
    where = "standard input" if str(path) == STANDARD_INPUT else str(path)
    if ending_of(path) in _NO_TEXTS:
        return _rejected(where, "markup or a table, not a text; make a .txt or .jsonl file of it")
    try:
        if str(path) == STANDARD_INPUT:
            return Document(id_, decode_text(sys.stdin.buffer.read(), where))
        id_.encode()  # a name of other bytes than UTF-8 can be written nowhere
        return Document(id_, read_text(path))
    except UnicodeEncodeError:
        return _rejected(where, "its name is not UTF-8; rename it")
    except DataError as error:
        return _rejected(where, _reason(error, where))


def _read_lines(path: Path) -> Iterator[Given]:
    return read_lines(path, 0, 1, None)


def read_lines(path: Path, offset: int, first: int, count: int | None) -> Iterator[Given]:
    """Yield the documents of a JSON Lines file; what is marked in them already is left out.

    Args:
        path: the file.
        offset: the byte that a line begins at.
        first: the number of that line.
        count: so many lines are read; None for all.
    """
    try:
        with path.open("rb") as lines:
            lines.seek(offset)
            for number, line in enumerate(islice(lines, count), start=first):
                if line.strip():
                    yield _read_line(line, number, f"{path}:{number}")
    except OSError as error:
        yield _rejected(str(path), f"cannot be read ({error.strerror})")


def _read_line(line: bytes, number: int, where: str) -> Given:
    try:
        record = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        document = _unmarked(parse_document(record, where))
        document.to_json().encode()
    except json.JSONDecodeError as error:
        reason = f"not JSON ({error.msg} at column {error.colno})"
    except UnicodeDecodeError as error:
        reason = f"not UTF-8 (byte {error.start})"
    except UnicodeEncodeError:
        reason = "holds half of a surrogate pair, which is no character"
    except RecursionError:
        reason = "too many brackets in brackets"
    except ValueError:
        reason = "holds a number of thousands of digits"
    except DataError as error:
        reason = _reason(error, where)
    else:
        return document
    return _rejected(where, reason)


def _read_parquet(path: Path) -> Iterator[Given]:
    return read_rows(path, 0, None)


def read_rows(path: Path, first: int, count: int | None) -> Iterator[Given]:
    """Yield the rows of a parquet file with the columns ``id`` and ``text``.

    Args:
        path: the file.
        first: how many rows are left out before.
        count: so many are read; None for all.

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
            names = file.schema_arrow.names
            if wrong := [name for name in ("id", "text") if names.count(name) != 1]:
                many = "no" if wrong[0] not in names else "more than one"
                yield _rejected(str(path), f"{many} column {', '.join(wrong)}")
                return
            end = file.metadata.num_rows if count is None else first + count
            row, groups = _groups_upto(file, first, end)
            for batch in file.iter_batches(_ROWS, row_groups=groups, columns=["id", "text"]):
                if row >= end:
                    return
                if row + len(batch) <= first:
                    row += len(batch)
                    continue
                # one value at a time, for a text that is not UTF-8 would spoil its column
                for id_, text in zip(batch.column("id"), batch.column("text"), strict=True):
                    row += 1
                    if first < row <= end:
                        yield _row(f"{path}:{row}", id_, text)
    except (ArrowException, OSError, UnicodeDecodeError) as error:
        what = (str(error).splitlines() or [type(error).__name__])[0]
        yield _rejected(str(path), f"not parquet, or damaged ({what})")


def _groups_upto(file: Any, first: int, end: int) -> tuple[int, list[int]]:  # noqa: ANN401
    """Return the groups of a parquet file that hold rows of a range, and the rows before them."""
    sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    ends = list(accumulate(sizes, initial=0))
    groups = [i for i in range(len(sizes)) if ends[i] < end and first < ends[i + 1]]
    return (ends[groups[0]] if groups else 0), groups


def _row(where: str, id_: Any, text: Any) -> Given:  # noqa: ANN401
    """Return the document of two values of pyarrow."""
    try:
        id_, text = id_.as_py(), text.as_py()
    except UnicodeDecodeError as error:
        return _rejected(where, f"not UTF-8 (byte {error.start})")
    if id_ is None:
        return _rejected(where, "no id")
    if not isinstance(text, str):
        return _rejected(where, "no text")
    if not text.strip():
        return _rejected(where, "empty; nothing to read")
    return Document(str(id_), text)


def _unmarked(document: Document) -> Document:
    """Return the text of a document under its sentences, if it has any, for a model to read.

    Raises:
        DataError: there is no text, its sentences are not in it, one after the other, or its
            ``meta`` is too deep to be written.
    """
    if not document.text.strip():
        raise DataError(": empty; nothing to read")
    end = 0
    for own in document.sentences:
        if not end <= own.start < own.end <= len(document.text):
            raise DataError(
                f": sentence {own.start}..{own.end} is empty, outside the text of "
                f"{len(document.text)} characters, out of order or overlaps the one before it"
            )
        end = own.end
    if deeper(document.meta, DEEPEST):
        raise DataError(f": `meta` has more than {DEEPEST} brackets in brackets")
    sentences = tuple(replace(sentence, events=()) for sentence in document.sentences)
    return Document(document.id, document.text, sentences, meta=document.meta)


def deeper(value: object, levels: int) -> bool:
    """Say whether a JSON value has more brackets in brackets than so many."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if not isinstance(value, list):
        return False
    return not levels or any(deeper(own, levels - 1) for own in value)


def _rejected(where: str, reason: str) -> Rejected:
    """Return what can be written in UTF-8, whatever the name of the file."""
    return Rejected(*(own.encode(errors="backslashreplace").decode() for own in (where, reason)))


def _reason(error: DataError, where: str) -> str:
    """Return what an error says without the file that it opens with; a line stays."""
    return re.sub(r"^:(\d+): ", r"line \1: ", str(error).removeprefix(where)).removeprefix(": ")
