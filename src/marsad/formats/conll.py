"""CoNLL-2003 columns that lose nothing, https://aclanthology.org/W03-0419.

A file of ours opens with a line that names its columns, as in CoNLL-U Plus
(https://universaldependencies.org/ext-format.html)::

    # global.columns = TOKEN START END TAG PROCLITIC SCORE
    -DOCSTART-  _  _  O  _  _

    # id = "sy-001"
    # text = "قصفت مدينة بدرعا."
    # meta = {"genre": "wire"}

    # sent = 0 17
    # events = shelling:actual killing:planned
    قصفت   0   4   O      _  _
    مدينة   5   10  O      _  _
    بدرعا   11  16  B-GPE  1  _

Columns are parted by tabs; :mod:`marsad.formats.conll_columns` says what they hold. The values of
``# id``, ``# text``, ``# meta``, ``# coverage``, ``# warnings`` and ``# model`` are JSON. A block
without ``# sent`` holds words that lie in no sentence. Mentions are refused that words cannot
express (:func:`marsad.spans.tag_words`).

A file without the first line is read as :mod:`marsad.formats.conll_plain` says.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from marsad.corpus import Placed
from marsad.document import Document, Sentence
from marsad.errors import DataError
from marsad.files import atomic_write, read_text
from marsad.formats import conll_plain
from marsad.formats.bio import Tagged, find_chunks
from marsad.formats.conll_columns import (
    COLUMNS,
    DOCUMENT_LINE,
    Row,
    parse_events,
    parse_row,
    parse_span,
    sentence_comments,
)
from marsad.formats.records import EXTRAS, Record, extras, place, refusal
from marsad.labels import OUTSIDE
from marsad.spans import Ints, tag_words
from marsad.text.words import find_words, letter_starts

_COMMENT = re.compile(r"# (\w+) = (.*)")
_LABEL = re.compile(r"[^\s\0]+")

Lines = list[tuple[str, str]]  # file:line, and what stands there


def check(document: Document) -> None:
    """Refuse a document that the format cannot express.

    Raises:
        DataError: it is one.
    """
    for _ in _document_lines(document):
        pass


def write(documents: Iterable[Document], path: Path) -> None:
    """Write documents.

    Raises:
        DataError: a document has a mention that words cannot express.
    """
    with atomic_write(path) as out:
        out.write(f"{COLUMNS}\n")
        for document in documents:
            out.writelines(f"{line}\n" for line in _document_lines(document))


def read(path: Path, repaired: list[str] | None = None) -> Iterator[Placed]:
    """Yield the documents of a file, ours or another's.

    Args:
        path: the file.
        repaired: see :func:`marsad.formats.bio.find_chunks`.

    Raises:
        DataError: a line is malformed, a tag illegal, or columns and text disagree.
    """
    lines = [line.rstrip("\r") for line in read_text(path).split("\n")]
    if lines[0] != COLUMNS:
        yield from conll_plain.read(path, lines, repaired)
        return
    numbered = [(f"{path}:{number}", line) for number, line in enumerate(lines, start=1)]
    starts = [i for i, line in enumerate(lines) if line == DOCUMENT_LINE or i == 1]
    for start, end in pairwise([*starts, len(lines)]):
        yield _read_document(numbered[start:end], repaired)


def _document_lines(document: Document) -> Iterator[str]:
    yield DOCUMENT_LINE
    yield ""
    for key, value in {"id": document.id, "text": document.text, **extras(document)}.items():
        yield f"# {key} = {json.dumps(value, ensure_ascii=False)}"
    yield ""
    words = find_words(document.text)
    rows = _rows(document, words)
    for sentence, block in _blocks(document, words):
        if block and rows[block.start].tag.startswith("I-"):
            raise refusal(
                document,
                f"the mention around {rows[block.start].start} crosses the edge of a sentence, and "
                "CoNLL tags each sentence on its own; move one of them",
            )
        yield from sentence_comments(sentence) if sentence else ()
        yield from (row.to_line() for row in rows[block.start : block.stop])
        yield ""


def _rows(document: Document, words: Ints) -> list[Row]:
    """Return one row a word, tagged."""
    if "\0" in document.text:
        raise refusal(document, "has a NUL character, which no text file holds; remove it")
    names = _tag_names(document)
    (tags, proclitics), misfits = tag_words(document.text, words, document.entities, names)
    for entity, reason in misfits:
        raise refusal(
            document,
            f"entity {entity.start}..{entity.end} {document.mention(entity)!r} {reason}; CoNLL "
            "tags words, so move its edge or take another format",
        )
    entities = iter(document.entities)  # in the order of the words that they begin in
    rows = []
    for (start, end), tag, proclitic in zip(words.tolist(), tags, proclitics, strict=True):
        begins = (int(proclitic), next(entities).score) if proclitic >= 0 else (None, None)
        rows.append(Row(document.text[start:end], start, end, names[tag], *begins))
    return rows


def _tag_names(document: Document) -> tuple[str, ...]:
    labels = sorted({entity.label for entity in document.entities})
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise refusal(document, f"label {label!r} has a space, and a tag cannot; rename it")
    return (OUTSIDE, *(f"{bi}-{label}" for label in labels for bi in "BI"))


def _blocks(document: Document, words: Ints) -> Iterator[tuple[Sentence | None, range]]:
    """Yield each sentence with the positions of its words, and None with those between them."""
    done = 0
    for sentence in document.sentences:
        first, last = np.searchsorted(words[:, 0], (sentence.start, sentence.end)).tolist()
        if done < first:
            yield None, range(done, first)
        yield sentence, range(first, last)
        done = last
    if done < len(words):
        yield None, range(done, len(words))


def _read_document(lines: Lines, repaired: list[str] | None) -> Placed:
    record: Record = {"sentences": [], "entities": []}
    block: Lines = []
    for where, line in [*lines, ("", "")]:
        if not line:
            record["entities"] += _read_entities(block, str(record.get("text", "")), repaired)
            block = []
        elif line.startswith("# "):
            _read_comment(record, line, where)
        elif line != DOCUMENT_LINE:
            block.append((where, line))
    return place(record, lines[0][0])


def _read_comment(record: Record, line: str, where: str) -> None:
    match = _COMMENT.fullmatch(line)
    key, value = match.groups() if match else ("", "")
    try:
        if key in record:
            raise ValueError("it is given twice in one document")
        if key in ("id", "text", *EXTRAS):
            record[key] = json.loads(value)
        elif key == "sent":
            record["sentences"].append(parse_span(value))
        elif key == "events":
            record["sentences"][-1]["events"] = parse_events(value)
        else:
            raise ValueError("it is none of ours")
    except (ValueError, IndexError) as error:
        raise DataError(f"{where}: cannot read this comment ({error}); restore it") from None


def _read_entities(block: Lines, text: str, repaired: list[str] | None) -> Iterator[Record]:
    rows = [(where, parse_row(line, where)) for where, line in block]
    for where, row in rows:
        if text[row.start : row.end] != row.token:
            raise DataError(
                f"{where}: token {row.token!r} is not at {row.start}..{row.end} of `# text`; "
                "restore one of them"
            )
    for chunk in find_chunks((Tagged(where, row.tag) for where, row in rows), repaired):
        first, last = rows[chunk.first][1], rows[chunk.last][1]
        letters = letter_starts(first.token)
        if (first.proclitic or 0) not in range(len(letters)):
            raise DataError(
                f"{rows[chunk.first][0]}: a proclitic of {first.proclitic} letters leaves nothing "
                f"of {first.token!r}; correct the number"
            )
        start = first.start + letters[first.proclitic or 0]
        yield {"start": start, "end": last.end, "label": chunk.label, "score": first.score}
