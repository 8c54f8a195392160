"""A brat folder: ``<id>.txt`` and ``<id>.ann`` a document, https://brat.nlplab.org/standoff.html.

Mentions are text-bound annotations. A sentence is one too, with the label ``Sentence``; each of its
events is an attribute of it whose name is the event type and whose value is the realis::

    T1<TAB>Sentence 0 17<TAB>قصفت مدينة بدرعا.
    A1<TAB>shelling T1 actual
    T2<TAB>GPE 12 16<TAB>درعا
    #1<TAB>Score T2<TAB>0.93

Probabilities are notes of the kind ``Score``. ``annotation.conf`` tells brat the labels, and
``documents.jsonl``, which brat ignores, keeps the order of the documents and what the tool has no
place for: ``meta`` and, of predictions, ``coverage``, ``warnings`` and ``model``. Without it
documents are read in the order of their names. Notes that people leave in brat are not read.

brat cannot hold an id that is no file name, a text that is empty or opens with a byte-order mark, a
label other than of ASCII letters, digits, ``-`` and ``_``, and a span across a line end.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

from marsad.corpus import Placed
from marsad.document import Document
from marsad.errors import DataError
from marsad.files import new_folder, read_records, read_text
from marsad.formats.brat_standoff import annotation_conf, parse_annotations
from marsad.formats.records import (
    SENTENCE,
    Record,
    check_no_sentence_label,
    extras,
    place,
    refusal,
)

INDEX = "documents.jsonl"
CONFIG = "annotation.conf"
_FILE_NAME = re.compile(r"\w[\w .,+=@-]*(?<![ .])")
_LONGEST_NAME = 200  # bytes; file systems allow 255, endings included
_LABEL = re.compile(r"[A-Za-z0-9_-]+")


def write(documents: Iterable[Document], path: Path) -> None:
    """Write documents into a new or empty folder.

    Raises:
        DataError: the folder holds something, two documents have one id, or brat cannot hold one.
    """
    with new_folder(path) as folder, (folder / INDEX).open("w", encoding="utf-8") as index:
        for document in documents:
            check(document)
            if (folder / f"{document.id}.txt").exists():
                raise refusal(document, "its id names another document's file too; rename one")
            _write_file(folder / f"{document.id}.txt", document.text)
            lines = "".join(f"{line}\n" for line in _annotation_lines(document))
            _write_file(folder / f"{document.id}.ann", lines)
            entry = {"id": document.id, **extras(document)}
            index.write(f"{json.dumps(entry, ensure_ascii=False)}\n")
        _write_file(folder / CONFIG, annotation_conf())


def read(path: Path) -> Iterator[Placed]:
    """Yield the documents of a folder.

    Raises:
        DataError: a file is missing or malformed, spans and text disagree, or an annotation is of a
            kind that our documents do not have (relations, events of several parts, …).
    """
    if not path.is_dir():
        raise DataError(f"{path}: no such folder; brat keeps .txt and .ann files in one")
    index = path / INDEX
    entries = read_records(index) if index.is_file() else ()
    known = {str(entry.get("id")): entry for _, entry in entries}
    others = sorted(text.stem for text in path.glob("*.txt") if text.stem not in known)
    for id_ in (*known, *others):
        yield _read_document(path / f"{id_}.txt", known.get(id_, {}))


def can_name_files(id_: str) -> bool:
    """Say whether a document of this id can have files named after it."""
    return bool(_FILE_NAME.fullmatch(id_)) and len(id_.encode()) <= _LONGEST_NAME


def _write_file(path: Path, content: str) -> None:
    path.write_text(content, encoding="utf-8", newline="")


def check(document: Document) -> None:
    """Refuse a document that brat cannot hold.

    Raises:
        DataError: it is one.
    """
    text = document.text
    check_no_sentence_label(document)
    if not can_name_files(document.id):
        raise refusal(document, "its id cannot be a file's name, and brat's are; rename it")
    if not text.strip() or "\0" in text or text.startswith("\ufeff"):
        raise refusal(
            document, "its text is blank, has a NUL or opens with a byte-order mark; mend it"
        )
    for label in sorted({entity.label for entity in document.entities}):
        if not _LABEL.fullmatch(label):
            raise refusal(
                document, f"label {label!r} has other than a-z, A-Z, 0-9, - and _; rename it"
            )
    spans = [("sentence", s.start, s.end) for s in document.sentences]
    spans += [("entity", e.start, e.end) for e in document.entities]
    for kind, start, end in spans:
        if text[start:end].splitlines() != [text[start:end]]:
            raise refusal(
                document,
                f"{kind} {start}..{end} crosses a line end, and brat's spans do not; cut it",
            )


def _annotation_lines(document: Document) -> Iterator[str]:
    spans, attributes, notes = count(1), count(1), count(1)
    record = document.to_record()
    for mark in (*record["sentences"], *record["entities"]):
        id_, start, end = f"T{next(spans)}", mark["start"], mark["end"]
        label = mark.get("label", SENTENCE)
        yield f"{id_}\t{label} {start} {end}\t{document.text[start:end]}"
        if "score" in mark:
            yield f"#{next(notes)}\tScore {id_}\t{mark['score']}"
        for event in mark.get("events", ()):
            attribute = f"A{next(attributes)}"
            yield f"{attribute}\t{event['type']} {id_} {event['realis']}"
            if "score" in event:
                yield f"#{next(notes)}\tScore {attribute}\t{event['score']}"


def _read_document(path: Path, entry: Record) -> Placed:
    annotations = path.with_name(f"{path.stem}.ann")
    text = read_text(path)
    if not annotations.is_file():
        raise DataError(f"{annotations}: no such file; brat wants one beside each .txt")
    lines = read_text(annotations) if annotations.stat().st_size else ""
    record = {**entry, "id": path.stem, "text": text}
    return place(record | parse_annotations(lines, text, annotations), str(annotations))
