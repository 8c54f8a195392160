"""Prodigy JSON Lines, https://prodi.gy/docs/api-interfaces#spans.

A document is a task with ``text``, ``tokens`` and ``spans``; a span has offsets and positions of
its first and last token. Tokens are our words (:func:`marsad.text.words.find_words`), but a word is
cut where a mention begins or ends inside it (ب + درعا), for Prodigy wants spans to lie on tokens.
Correct with ``--highlight-chars``, which marks letters.

Prodigy keeps fields that it does not know, so ``id``, ``sentences`` with their events and, of
predictions, ``coverage``, ``warnings`` and ``model`` have their own; the ``score`` of a mention is
in its span, ``meta`` is shown beside the text. Of an export only accepted tasks are documents, read
without scores and model, for a person answers for them.

Prodigy cannot hold a mention that begins or ends in a space.
"""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from marsad.corpus import Placed
from marsad.document import Document
from marsad.errors import DataError
from marsad.files import atomic_write, read_records
from marsad.formats.records import (
    EXTRAS,
    Record,
    as_annotated,
    check_no_relations,
    extras,
    place,
    refusal,
    with_rest_in_meta,
)
from marsad.text.words import find_words

# What Prodigy adds to a task, and what is said otherwise in a document.
_OWN = {"id", "tokens", "spans", "answer", "relations", "options", "accept", "config", "label"}
_SPAN = ("start", "end", "label", "score")


def write(documents: Iterable[Document], path: Path) -> None:
    """Write documents, one a line.

    Raises:
        DataError: a mention begins or ends in a space.
    """
    with atomic_write(path) as out:
        for document in documents:
            out.write(f"{json.dumps(_task(document), ensure_ascii=False)}\n")


def read(path: Path) -> Iterator[Placed]:
    """Yield the documents of an export; what others labelled has no sentences.

    Raises:
        DataError: a line is not a task with text, was not accepted, or has relations.
    """
    for number, (where, task) in enumerate(read_records(path), start=1):
        check_no_relations(task.get("relations"), where)
        if (answer := task.get("answer", "accept")) != "accept":
            raise DataError(
                f"{where}: the answer is {answer!r}, so this is no document; "
                "export with `prodigy db-out NAME --answer accept`"
            )
        if "spans" not in task and isinstance(task.get("label"), list):
            raise DataError(f"{where}: marks as doccano has them; give --from doccano")
        try:
            record = _record(task, f"{path.stem}-{number}")
        except (TypeError, AttributeError) as error:
            raise DataError(f"{where}: not a task of Prodigy's ({error!r})") from None
        yield place(record, where)


def _record(task: Record, default_id: str) -> Record:
    spans = [{k: span[k] for k in _SPAN if k in span} for span in task.get("spans", ())]
    id_ = default_id if task.get("id") is None else str(task["id"])
    own = {key: task[key] for key in ("text", "sentences", *EXTRAS) if key in task}
    rest = {key: value for key, value in task.items() if key not in {*own, *_OWN}}
    record = {**with_rest_in_meta(own, rest), "id": id_, "entities": spans}
    return as_annotated(record) if "answer" in task else record


def _task(document: Document) -> Record:
    tokens = _tokens(document)
    first = {token["start"]: token["id"] for token in tokens}
    last = {token["end"]: token["id"] for token in tokens}
    spans = []
    record = document.to_record()
    for entity in record["entities"]:
        start, end = entity["start"], entity["end"]
        if start not in first or end not in last:
            raise refusal(
                document,
                f"entity {start}..{end} begins or ends in a space, and Prodigy wants spans on "
                "tokens; move its edge",
            )
        span = {key: entity[key] for key in _SPAN if key in entity}
        spans.append(span | {"token_start": first[start], "token_end": last[end]})
    task = {"id": document.id, "text": document.text, "tokens": tokens, "spans": spans}
    return task | {"sentences": record["sentences"], **extras(document)}


def _tokens(document: Document) -> list[Record]:
    """Return our words, cut at the edges of mentions."""
    text = document.text
    edges = sorted({edge for entity in document.entities for edge in (entity.start, entity.end)})
    tokens: list[Record] = []
    for start, end in find_words(text).tolist():
        inside = edges[bisect_right(edges, start) : bisect_left(edges, end)]
        cuts = [start, *inside, end]
        for a, b in pairwise(cuts):
            followed = text[b : b + 1].isspace()
            tokens.append(
                {"text": text[a:b], "start": a, "end": b, "id": len(tokens), "ws": followed}
            )
    return tokens
