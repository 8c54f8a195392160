"""Predictions of spaCy: ``Doc.to_json()``, https://spacy.io/api/doc#to_json.

A file is a list of such objects or has one a line, documents in the order of the annotation. Of an
object ``text`` and ``ents`` are read. ``entities`` may stand for ``ents``, as in training data of
spaCy 2: ``[[5, 9, "GPE"], …]``.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from marsad.document import Document, Entity
from marsad.errors import DataError
from marsad.predictions.answers import answer
from marsad.predictions.containers import check_count, place_items
from marsad.predictions.json_values import read_json
from marsad.predictions.mentions import Item, parse_mention, show
from marsad.predictions.same_text import check_text


def read(path: Path, gold: Sequence[Document]) -> list[Document]:
    """Read a file of documents.

    Raises:
        DataError: the file is malformed, or the texts are not the annotated ones.
    """
    value = read_json(path)
    records = value if isinstance(value, list) else [value]
    check_count(len(records), gold, path)
    return [
        answer(document, _entities(record, document, f"{path}: document {document.id!r}"))
        for record, document in zip(records, gold, strict=True)
    ]


def _entities(record: object, document: Document, where: str) -> Iterator[Entity]:
    if not isinstance(record, dict):
        raise DataError(f"{where}: {show(record)} is no object; give what Doc.to_json returns")
    check_text(record.get("text"), document, where)
    for field in ("ents", "entities"):
        if field in record:
            items = place_items(_named(record[field]), where)
            return (parse_mention(item, document, place) for place, item in items)
    raise DataError(f"{where}: has no `ents`; give what Doc.to_json returns")


def _named(items: object) -> object:
    """Name the parts of each ``[start, end, label]``."""
    return [_name(item) for item in items] if isinstance(items, list) else items


def _name(item: object) -> Item | object:
    match item:
        case [start, end, label]:
            return {"start": start, "end": end, "label": label}
    return item
