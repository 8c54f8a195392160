"""Splits of a corpus by document: reproducible, and stable when documents are added."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from marsad.document import Document
from marsad.errors import DataError
from marsad.files import atomic_write

SHARES = {"train": 70, "dev": 10, "test": 20}  # of 100 documents
PLACE_SPLIT = "test_place"


def split_of(document: Document, *, held_out: Sequence[str] = ()) -> str:
    """Return the split of a document.

    It depends on the document's id alone, so that a document never moves when others come or go.
    Documents of a held-out country (``meta.country``) go to ``test_place``: the test of a move to
    a new war.
    """
    if document.meta.get("country") in held_out:
        return PLACE_SPLIT
    bucket = bucket_of(document.id, 100)
    limit = 0
    for name, share in SHARES.items():
        limit += share
        if bucket < limit:
            return name
    raise AssertionError("the shares add up to 100")


def bucket_of(id_: str, buckets: int) -> int:
    """Return the number of the bucket that an id falls into, by its SHA-256."""
    return int(hashlib.sha256(id_.encode("utf-8")).hexdigest(), 16) % buckets


def write_splits(
    documents: Iterable[Document], folder: Path, *, held_out: Sequence[str] = ()
) -> dict[str, int]:
    """Write one JSON Lines file a split, ordered by id; return the number of documents in each.

    Raises:
        DataError: an id is given twice.
    """
    parts: dict[str, dict[str, Document]] = {}
    for document in documents:
        part = parts.setdefault(split_of(document, held_out=held_out), {})
        if document.id in part:
            raise DataError(f"document id {document.id!r} is given twice; rename one")
        part[document.id] = document
    for name, part in parts.items():
        with atomic_write(folder / f"{name}.jsonl") as out:
            out.writelines(f"{part[id_].to_json()}\n" for id_ in sorted(part))
    return {name: len(part) for name, part in parts.items()}
