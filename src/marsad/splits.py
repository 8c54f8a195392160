"""Splits of a corpus by document: reproducible, and stable when documents are added."""

import hashlib
from collections.abc import Container, Iterable, Sequence
from pathlib import Path

from marsad.corpus import read_corpus
from marsad.document import Document
from marsad.errors import DataError, did_you_mean
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

    A file of a split that no document is in any more is removed.

    Raises:
        DataError: an id is given twice, no document is of a country that is to be held out, or a
            file that is there holds a document that is not given.
    """
    known: dict[str, Document] = {}
    for document in documents:
        if document.id in known:
            raise DataError(f"document id {document.id!r} is given twice; rename one")
        known[document.id] = document
    countries = {str(document.meta.get("country")) for document in known.values()}
    for country in held_out:
        if country not in countries:
            near = did_you_mean(country, sorted(countries))
            raise DataError(f"--hold-out {country}: no document has that country{near}")
    parts: dict[str, list[Document]] = {name: [] for name in (*SHARES, PLACE_SPLIT)}
    _refuse_losing(folder, [f"{name}.jsonl" for name in parts], known)
    for _, document in sorted(known.items()):
        parts[split_of(document, held_out=held_out)].append(document)
    for name, part in parts.items():
        path = folder / f"{name}.jsonl"
        if not part:
            path.unlink(missing_ok=True)
            continue
        with atomic_write(path) as out:
            out.writelines(f"{document.to_json()}\n" for document in part)
    return {name: len(part) for name, part in parts.items() if part}


def _refuse_losing(folder: Path, names: Iterable[str], known: Container[str]) -> None:
    """Refuse to write over documents that nobody gave."""
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: is a file; name a folder")
    for path in (folder / name for name in names):
        if not path.exists():
            continue
        for document in read_corpus(path):
            if document.id not in known:
                raise DataError(
                    f"{path}: holds document {document.id!r}, which is not among those given and "
                    "would be lost; give this file too, or name another folder"
                )
