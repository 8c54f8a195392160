"""Our own JSON Lines: one document a line, as ``marsad predict`` and the corpus write them."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from marsad.corpus import Placed
from marsad.document import Document
from marsad.errors import DataError
from marsad.files import atomic_write, read_records
from marsad.formats.records import EXTRAS, Record, place

_DOCUMENT = frozenset({"id", "text", "sentences", "entities", *EXTRAS})
_SENTENCE = frozenset({"start", "end", "events"})
_EVENT = frozenset({"type", "realis", "family", "score"})
_ENTITY = frozenset({"start", "end", "label", "text", "score"})


def read(path: Path) -> Iterator[Placed]:
    """Yield the documents of a file.

    Raises:
        DataError: a line is not a document, or has a field that would be lost.
    """
    for where, record in read_records(path):
        placed = place(record, where)
        for field in _unknown_fields(record):
            raise DataError(
                f"{where}: unknown field {field!r}; remove it, or name the file's format if it is "
                "not our own"
            )
        yield placed


def write(documents: Iterable[Document], path: Path) -> None:
    """Write documents, one a line."""
    with atomic_write(path) as out:
        out.writelines(f"{document.to_json()}\n" for document in documents)


def _unknown_fields(record: Record) -> Iterator[str]:
    yield from sorted(record.keys() - _DOCUMENT)
    for entity in record.get("entities", ()):
        yield from sorted(entity.keys() - _ENTITY)
    for sentence in record.get("sentences", ()):
        yield from sorted(sentence.keys() - _SENTENCE)
        for event in sentence.get("events", ()):
            yield from sorted(event.keys() - _EVENT)
