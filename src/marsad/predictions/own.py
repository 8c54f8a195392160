"""Predictions in our own formats, as ``marsad predict`` and ``marsad data convert`` write them.

They are matched to the annotation by id, and may say of each document how much of it was read.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from marsad.corpus import Placed, read_placed
from marsad.document import Document, Sentence, parse_document
from marsad.errors import DataError, did_you_mean
from marsad.formats import conll
from marsad.formats.soundness import sound
from marsad.predictions.answers import answer, no_answer, unique
from marsad.predictions.json_values import PARSE_ERRORS, read_json
from marsad.predictions.mentions import parse_share
from marsad.predictions.same_text import check_text


def read_jsonl(path: Path, gold: Sequence[Document]) -> list[Document]:
    """Read a file of records, one a line or, in a ``.json``, in an array.

    Raises:
        DataError: a record is malformed, given twice or of no annotated document.
    """
    placed = _read_array(path) if path.suffix.lower() == ".json" else read_placed(path)
    return _match(placed, gold, path)


def _read_array(path: Path) -> Iterator[Placed]:
    value = read_json(path)
    for number, record in enumerate(value if isinstance(value, list) else [value], start=1):
        where = f"{path}: record {number}"
        yield Placed(where, parse_document(record, where))


def read_conll(path: Path, gold: Sequence[Document]) -> list[Document]:
    """Read a CoNLL file that opens with the names of our columns; a stray ``I-X`` is a ``B-X``.

    Raises:
        DataError: a line is malformed, or a document given twice or not annotated.
    """
    return _match(conll.read(path, repaired=[]), gold, path)


def _match(placed: Iterable[Placed], gold: Sequence[Document], path: Path) -> list[Document]:
    by_id = _collect(placed, frozenset(document.id for document in gold), path)
    return [
        _answer(document, by_id[document.id]) if document.id in by_id else no_answer(document)
        for document in gold
    ]


def _collect(placed: Iterable[Placed], ids: frozenset[str], path: Path) -> dict[str, Placed]:
    found: dict[str, Placed] = {}
    try:
        for item in placed:
            id_ = item.document.id
            if id_ not in ids:
                near = did_you_mean(id_, ids)
                raise DataError(f"{item.where}: no annotated document is {id_!r}{near}; remove it")
            if id_ in found:
                raise DataError(
                    f"{item.where}: document {id_!r} again; see {found[id_].where}, and keep one"
                )
            found[id_] = item
    except PARSE_ERRORS as error:  # what the readers of files let pass
        raise DataError(f"{path}: not JSON ({error}); write it with a JSON library") from None
    return found


def _answer(gold: Document, placed: Placed) -> Document:
    """Return the annotated document with what a record says of it."""
    where, record = placed.where, placed.document
    check_text(record.text, gold, where)
    scores = [entity.score for entity in record.entities]
    scores += [event.score for sentence in record.sentences for event in sentence.events]
    for score in scores:
        parse_share(score, "score", where)
    coverage = parse_share(record.coverage, "coverage", where)
    marks = replace(gold, entities=unique(record.entities), sentences=record.sentences)
    marks = sound(replace(marks, coverage=None, warnings=None, model=None), where)
    return replace(
        answer(gold, marks.entities, 1.0 if coverage is None else coverage),
        sentences=_sentences(marks, gold, where),
        warnings=record.warnings,
        model=record.model,
    )


def _sentences(marks: Document, gold: Document, where: str) -> tuple[Sentence, ...]:
    """Return the annotated sentences with the events of the record."""
    if not any(sentence.events for sentence in marks.sentences):
        return answer(gold, ()).sentences
    if [(s.start, s.end) for s in marks.sentences] != [(s.start, s.end) for s in gold.sentences]:
        raise DataError(
            f"{where}: document {gold.id!r} has events on other sentences than the annotated ones; "
            "predict on those, or leave the events out"
        )
    return marks.sentences
