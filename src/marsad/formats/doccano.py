"""doccano JSON Lines of sequence labelling, https://doccano.github.io/doccano/tutorial/.

A document is ``{"id": …, "text": …, "label": [[start, end, label], …], "marsad": {…}}``. doccano
keeps every field that it does not know as metadata and gives it back on export, so ``marsad`` holds
the rest: ``sentences`` with their events, ``meta``, the ``scores`` of mentions and, of predictions,
``coverage``, ``warnings`` and ``model``. People correct mentions there and leave the rest as it is;
a mention that they move loses its score.

Exports of projects with relation labelling are read too (``entities`` in place of ``label``), but
relations are refused; comments are not read. Mentions that overlap need a project that allows them,
and doccano's export rounds numbers to ten digits. It cannot hold an empty text.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from marsad.corpus import Placed
from marsad.document import Document
from marsad.errors import DataError
from marsad.files import atomic_write, read_records
from marsad.formats.records import (
    EXTRAS,
    Record,
    check_no_relations,
    extras,
    name_of,
    place,
    refusal,
    with_rest_in_meta,
)

# What doccano's records have that is no metadata of a project's.
_OWN = {"id", "text", "label", "entities", "relations", "Comments", "comments", "marsad"}


def write(documents: Iterable[Document], path: Path) -> None:
    """Write documents, one a line.

    Raises:
        DataError: a text is empty.
    """
    with atomic_write(path) as out:
        for document in documents:
            out.write(f"{json.dumps(_task(document), ensure_ascii=False)}\n")


def read(path: Path) -> Iterator[Placed]:
    """Yield the documents of an export; what others labelled has no sentences.

    Raises:
        DataError: a line is not a record of doccano's, or has relations.
    """
    for number, (where, task) in enumerate(read_records(path), start=1):
        check_no_relations(task.get("relations"), where)
        try:
            record = _record(task, f"{path.stem}-{number}")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"{where}: not a record of doccano's sequence labelling ({error!r})"
            ) from None
        yield place(record, where)


def _task(document: Document) -> Record:
    if not document.text:
        raise refusal(document, "its text is empty, and doccano takes no such document")
    record = document.to_record()
    spans = [(e["start"], e["end"], e["label"]) for e in record["entities"]]
    scores = [
        (*span, e["score"])
        for span, e in zip(spans, record["entities"], strict=True)
        if "score" in e
    ]
    rest = {"sentences": record["sentences"], **extras(document)}
    if scores:
        rest["scores"] = scores
    return {"id": document.id, "text": document.text, "label": spans, "marsad": rest}


def _record(task: Record, default_id: str) -> Record:
    rest = task.get("marsad") or {}
    scores = {(start, end, label): score for start, end, label, score in rest.get("scores", ())}
    entities = []
    for start, end, label in _spans(task):
        score = scores.get((start, end, label))
        entities.append({"start": start, "end": end, "label": label, "score": score})
    id_ = default_id if task.get("id") is None else str(task["id"])
    own = {name: rest[name] for name in ("sentences", *EXTRAS) if name in rest}
    return {
        **with_rest_in_meta(own, {k: v for k, v in task.items() if k not in _OWN}),
        "id": id_,
        "text": task["text"],
        "entities": entities,
    }


def _spans(task: Record) -> Iterator[tuple[int, int, str]]:
    if "entities" in task:
        yield from (
            (e["start_offset"], e["end_offset"], name_of(e["label"])) for e in task["entities"]
        )
    else:
        yield from ((start, end, name_of(label)) for start, end, label in task["label"])
