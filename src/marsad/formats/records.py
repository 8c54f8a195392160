"""Records: the JSON shape of a document, which every format takes apart and puts together again.

A reader turns what it finds into the record of our own JSON Lines and gives it to :func:`place`;
a writer starts from ``document.to_record()``. So scores have four digits in every format.
"""

from collections.abc import Mapping
from typing import Any

from marsad.corpus import Placed
from marsad.document import Document, parse_document
from marsad.errors import DataError

Record = dict[str, Any]

# The label of sentences, in the tools that show a sentence as one more marked span.
SENTENCE = "Sentence"
# What a document has besides text and marks, and no annotation tool has a place of its own for.
EXTRAS = ("meta", "coverage", "warnings", "model")
_OF_PREDICTIONS = ("coverage", "warnings", "model")


def extras(document: Document) -> Record:
    """Return ``meta``, and ``coverage``, ``warnings`` and ``model`` of a prediction."""
    record = document.to_record()
    return {name: record[name] for name in EXTRAS if name in record}


def with_rest_in_meta(record: Record, rest: Mapping[str, Any]) -> Record:
    """Return a record with what else a tool keeps of a document in its ``meta``.

    Args:
        record: what is known of the document; what it says in ``meta`` stays.
        rest: other fields by name; ``meta`` may be a mapping of such. Names that begin with ``_``
            are the tool's own.
    """
    inside = rest.get("meta") or {}
    others = {**inside, **rest} if isinstance(inside, Mapping) else dict(rest)
    if isinstance(inside, Mapping):
        others.pop("meta", None)
    others = {name: own for name, own in others.items() if name[:1] != "_"}
    meta = record.get("meta") or {}
    if not others or not isinstance(meta, Mapping):
        return record
    return {**record, "meta": {**others, **meta}}


def as_annotated(record: Record) -> Record:
    """Return the record of a document that a person answers for: no scores, no model."""
    for entity in record["entities"]:
        entity.pop("score", None)
    for sentence in record.get("sentences", ()):
        for event in sentence.get("events", ()):
            event.pop("score", None)
    return {name: value for name, value in record.items() if name not in _OF_PREDICTIONS}


def name_of(label: object) -> str:
    """Return a label that is a name.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(label, str):
        raise ValueError(f"a label {label!r}, which is no name")
    return label


def place(record: Record, where: str) -> Placed:
    """Build the document of a record and note where it was found.

    Raises:
        DataError: the record lacks something or has the wrong type somewhere.
    """
    return Placed(where, parse_document(record, where))


def refusal(document: Document, reason: str) -> DataError:
    """Return the error of a document that a format cannot express."""
    return DataError(f"document {document.id!r}: {reason}")


def check_no_sentence_label(document: Document) -> None:
    """Refuse a mention that is labelled as sentences are.

    Raises:
        DataError: there is one.
    """
    for entity in document.entities:
        if entity.label == SENTENCE:
            raise refusal(
                document,
                f"entity {entity.start}..{entity.end} is labelled {SENTENCE!r}, which this format "
                "keeps for sentences; rename the label",
            )


def check_no_relations(relations: object, where: str) -> None:
    """Refuse relations between mentions, which no document of ours holds.

    Raises:
        DataError: there are some.
    """
    if relations:
        raise DataError(f"{where}: has relations, which our documents cannot hold; remove them")
