"""Mentions in JSON lists: one list a document, in order or by the document's id."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from marsad.document import Document, Entity
from marsad.errors import DataError, did_you_mean
from marsad.predictions.answers import answer, no_answer
from marsad.predictions.json_values import read_json
from marsad.predictions.mentions import Item, show

PlacedItem = tuple[str, Item]  # file, document and number; and what stands there
ReadItems = Callable[[Sequence[PlacedItem], Document], Iterable[Entity]]


def read_lists(path: Path, gold: Sequence[Document], read_items: ReadItems) -> list[Document]:
    """Read a file of lists of mentions.

    It is a list of such lists, one a document of ``gold`` in its order; an object of such lists by
    id, where documents may be missing; or, of a single document, its list alone. ``null`` stands
    for a document that was not read.

    Args:
        path: the file.
        gold: the annotated documents.
        read_items: turns the list of one document into entities.

    Raises:
        DataError: the file has another shape, or lists of other documents.
    """
    answers = []
    for document, items in zip(gold, _lists(read_json(path), gold, path), strict=True):
        if items is None:
            answers.append(no_answer(document))
        else:
            placed = place_items(items, f"{path}: document {document.id!r}")
            answers.append(answer(document, read_items(placed, document)))
    return answers


def place_items(items: object, where: str) -> list[PlacedItem]:
    """Return the objects of a list, each after its place; entities are counted from 1.

    Raises:
        DataError: it is no list, or holds something else.
    """
    if not isinstance(items, list):
        raise DataError(f"{where}: {show(items)} is no list; give the list of its entities")
    for number, item in enumerate(items, start=1):
        if not isinstance(item, dict):
            raise DataError(f"{where}, entity {number}: {show(item)} is no object; give its fields")
    return [(f"{where}, entity {number}", item) for number, item in enumerate(items, start=1)]


def check_count(found: int, gold: Sequence[Document], path: Path) -> None:
    """Check that a file has as many documents as were annotated.

    Raises:
        DataError: it has more or fewer.
    """
    if found != len(gold):
        raise DataError(
            f"{path}: {found} documents, and {len(gold)} are annotated; give one for each, in the "
            "same order"
        )


def _lists(value: object, gold: Sequence[Document], path: Path) -> Sequence[object]:
    """Return what the file holds for each document: None where it has nothing."""
    if isinstance(value, dict):
        ids = [document.id for document in gold]
        for id_ in sorted(value.keys() - set(ids)):
            near = did_you_mean(id_, ids)
            raise DataError(f"{path}: no annotated document is {show(id_)}{near}; remove it")
        return [value.get(id_) for id_ in ids]
    if not isinstance(value, list):
        raise DataError(f"{path}: {show(value)} is no list; give a list of entities a document")
    flat = all(isinstance(item, dict) for item in value)
    if flat and len(gold) == 1:
        return [value]
    if flat and value:
        raise DataError(
            f"{path}: one flat list, and {len(gold)} documents are annotated; give a list for each"
        )
    check_count(len(value), gold, path)
    return value
