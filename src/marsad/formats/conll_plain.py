"""CoNLL files of others: a token and its tag a line, https://aclanthology.org/W03-0419.

Two columns (token, tag) or the four of CoNLL-2003 (token, part of speech, chunk, tag), parted by
spaces or tabs. A blank line ends a sentence, a line that starts with ``-DOCSTART-`` a document.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from marsad.corpus import Placed
from marsad.errors import DataError
from marsad.formats.bio import Tagged, find_chunks
from marsad.formats.conll_columns import DOCUMENT_START
from marsad.formats.records import Record, place

_WIDTHS = (2, 4)


class _Token(NamedTuple):
    text: str
    tagged: Tagged


def read(path: Path, lines: Iterable[str], repaired: list[str] | None) -> Iterator[Placed]:
    """Yield the documents: tokens joined by spaces, sentences by line ends, ids ``<file>-<n>``.

    Args:
        path: the file, for places and ids.
        lines: its lines.
        repaired: see :func:`marsad.formats.bio.find_chunks`.

    Raises:
        DataError: a line has another number of columns than the ones before, or an illegal tag.
    """
    for number, sentences in enumerate(_split_documents(path, lines), start=1):
        yield _document(f"{path.stem}-{number}", sentences, repaired)


def _split_documents(path: Path, lines: Iterable[str]) -> Iterator[list[list[_Token]]]:
    """Yield each document as its sentences, without empty ones."""
    sentences: list[list[_Token]] = [[]]
    width = 0
    for number, line in enumerate(chain(lines, [DOCUMENT_START]), start=1):
        columns = re.split("[ \t]+", line.strip(" \t\r"))
        if columns[0] == DOCUMENT_START:
            if filled := [sentence for sentence in sentences if sentence]:
                yield filled
            sentences = [[]]
        elif columns == [""]:
            sentences.append([])
        else:
            where = f"{path}:{number}"
            width = width or len(columns)
            _check_width(columns, width, where)
            sentences[-1].append(_Token(columns[0], Tagged(where, columns[-1])))


def _check_width(columns: list[str], width: int, where: str) -> None:
    if len(columns) not in _WIDTHS:
        raise DataError(
            f"{where}: {len(columns)} columns; want 2 (token, tag) or the 4 of CoNLL-2003"
        )
    if len(columns) != width:
        raise DataError(f"{where}: {len(columns)} columns, and {width} before; make them the same")


def _document(id_: str, sentences: list[list[_Token]], repaired: list[str] | None) -> Placed:
    record: Record = {"id": id_, "sentences": [], "entities": []}
    lines = []
    start = 0
    for sentence in sentences:
        spans = _token_spans(sentence, start)
        for chunk in find_chunks((token.tagged for token in sentence), repaired):
            first, last = spans[chunk.first], spans[chunk.last]
            record["entities"].append({"start": first[0], "end": last[1], "label": chunk.label})
        end = spans[-1][1]
        record["sentences"].append({"start": start, "end": end})
        lines.append(" ".join(token.text for token in sentence))
        start = end + 1
    record["text"] = "\n".join(lines)
    return place(record, sentences[0][0].tagged.where)


def _token_spans(sentence: list[_Token], start: int) -> list[tuple[int, int]]:
    """Return where each token lies in the text when the sentence begins at ``start``."""
    spans = []
    for token in sentence:
        spans.append((start, start + len(token.text)))
        start += len(token.text) + 1
    return spans
