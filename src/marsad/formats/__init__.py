"""Formats of other annotation tools: documents in, documents out, and nothing lost on the way.

Each format gives back exactly the documents that were written in it, or refuses to write what it
cannot express. The module of a format says what it holds where.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from marsad.corpus import Placed
from marsad.document import Document
from marsad.errors import ConfigError, DataError, did_you_mean
from marsad.formats import brat, conll, doccano, jsonl, labelstudio, prodigy
from marsad.formats.soundness import sound


@dataclass(frozen=True)
class Format:
    """A way to keep documents in a file, or in a folder.

    ``ending`` is given where a path that has it can be of no other format.
    """

    name: str
    reader: Callable[[Path], Iterator[Placed]]
    writer: Callable[[Iterable[Document], Path], None]
    ending: str | None = None
    folder: bool = False

    def read(self, path: Path) -> Iterator[Document]:
        """Yield the documents, with their marks in the order of the text.

        Raises:
            DataError: the file is malformed or holds no document; the message names the line or
                the document, and what to do.
        """
        placed = None
        for placed in self.reader(path):
            yield sound(placed.document, placed.where)
        if placed is None:
            raise DataError(f"{path}: no document of the format {self.name} in it; name another")

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Write documents: all of them, or nothing at all.

        Raises:
            DataError: the format cannot express a document, or the path is of the wrong kind; the
                message names the document and the reason.
        """
        if path.is_dir() and not self.folder:
            raise DataError(f"{path}: is a folder, and {self.name} is a file; name one in it")
        self.writer((sound(d, f"document {d.id!r}") for d in documents), path)


_FORMATS = (
    Format("jsonl", jsonl.read, jsonl.write, ending=".jsonl"),
    Format("conll", conll.read, conll.write, ending=".conll"),
    Format("brat", brat.read, brat.write, folder=True),
    Format("labelstudio", labelstudio.read, labelstudio.write),
    Format("doccano", doccano.read, doccano.write),
    Format("prodigy", prodigy.read, prodigy.write),
)
FORMATS: Mapping[str, Format] = MappingProxyType({f.name: f for f in _FORMATS})


def mending(format_: Format, mended: list[str]) -> Format:
    """Return the format with a reader that turns stray ``I-`` tags into ``B-``.

    Args:
        format_: CoNLL; no other has such tags.
        mended: the place of each such tag is appended here.

    Raises:
        ConfigError: it is another format.
    """
    if format_.name != "conll":
        raise ConfigError(f"--repair mends the tags of conll, and the source is {format_.name}")
    return replace(format_, reader=partial(conll.read, repaired=mended))


def choose_format(name: str | None, path: Path, option: str) -> Format:
    """Return the format of a name or, without one, of the ending of a path.

    Args:
        name: what the user named, if anything.
        path: the file or folder.
        option: the option that names the format, for the message.

    Raises:
        ConfigError: the name is unknown, or the ending says nothing.
    """
    known = ", ".join(FORMATS)
    if name is None:
        for format_ in _FORMATS:
            if format_.ending == path.suffix.lower():
                return format_
        raise ConfigError(f"{path}: its ending names no format; give {option} one of {known}")
    if name not in FORMATS:
        raise ConfigError(
            f"{option}: unknown format {name!r}{did_you_mean(name, FORMATS)}; known are {known}"
        )
    return FORMATS[name]
