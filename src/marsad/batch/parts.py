"""Parts of the input: so many documents each, which can be read without reading those before."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Self

from marsad.errors import DataError
from marsad.input_files import LINES, PARQUET, Found, ending_of
from marsad.inputs import Given, read_inputs, read_lines, read_rows


@dataclass(frozen=True)
class Part:
    """Some text files, or a run of lines or rows of one file.

    ``number`` is the part's place among all. ``first`` is the number of the first line, from 1, or
    row, from 0, of ``count``; ``offset`` is the byte that the line begins at.
    """

    number: int
    files: tuple[Found, ...]
    first: int = 0
    count: int = 0
    offset: int = 0

    def to_json(self) -> str:
        """Return the part as text that :meth:`parse` reads."""
        return json.dumps({**asdict(self), "files": [(str(path), id_) for path, id_ in self.files]})

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the part that a text names."""
        values = json.loads(text)
        return cls(**{**values, "files": tuple((Path(path), id_) for path, id_ in values["files"])})

    def read(self) -> Iterator[Given]:
        """Yield the documents, or why one cannot be read."""
        path = self.files[0][0]
        if ending_of(path) == LINES:
            return read_lines(path, self.offset, self.first, self.count)
        if ending_of(path) == PARQUET and self.count:
            return read_rows(path, self.first, self.count)
        return read_inputs(self.files)


def cut(files: Sequence[Found], size: int) -> list[Part]:
    """Cut files into parts of at most ``size`` documents.

    Lines of JSON are counted by their ends, rows by the file's own word; nothing is parsed.

    Raises:
        DataError: a file of lines cannot be read.
    """
    return list(_cut(files, size))


def _cut(files: Sequence[Found], size: int) -> Iterator[Part]:
    number = 0
    for kind, group in groupby(files, key=lambda own: ending_of(own[0])):
        if kind in (LINES, PARQUET):
            for own in group:
                for first, count, offset in _runs(own[0], size):
                    yield Part(number, (own,), first, count, offset)
                    number += 1
        else:
            rest = iter(group)
            while some := tuple(islice(rest, size)):
                yield Part(number, some)
                number += 1


def _runs(path: Path, size: int) -> Iterator[tuple[int, int, int]]:
    """Yield number of the first line or row, how many follow, and the byte where they begin."""
    if ending_of(path) == PARQUET:
        rows = _count_rows(path)
        yield from ((first, min(size, rows - first), 0) for first in range(0, rows, size))
        if not rows:  # empty, or damaged: reading it will tell
            yield 0, 0, 0
        return
    try:
        with path.open("rb") as lines:
            first, offset = 1, 0
            while some := [len(line) for line in islice(lines, size)]:
                yield first, len(some), offset
                first, offset = first + len(some), offset + sum(some)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path") from None


def _count_rows(path: Path) -> int:
    from pyarrow import ArrowException
    from pyarrow.parquet import read_metadata

    try:
        return int(read_metadata(path).num_rows)
    except (ArrowException, OSError):
        return 0
