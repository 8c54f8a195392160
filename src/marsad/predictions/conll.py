"""Predictions in CoNLL columns, as taggers and conlleval write them.

:mod:`marsad.predictions.blocks` says how lines are read and :mod:`marsad.predictions.alignment` how
tokens find their place in the texts. A mention goes from the start of its first token to the end of
its last: a system that works on whole words claims their proclitics too. ``I-X`` that continues
nothing is read as ``B-X``, as conlleval does. A file in our own columns is read by
:mod:`marsad.formats.conll`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from marsad.document import Document, Entity
from marsad.files import read_text
from marsad.formats.bio import Tagged, find_chunks
from marsad.formats.conll_columns import COLUMNS
from marsad.predictions import own
from marsad.predictions.alignment import PlacedBlock, place_blocks
from marsad.predictions.answers import answer
from marsad.predictions.blocks import Token, read_blocks
from marsad.predictions.texts import Span
from marsad.text.words import find_words


def read(path: Path, gold: Sequence[Document]) -> list[Document]:
    """Read a file of tokens and tags.

    Raises:
        DataError: a line or a tag is malformed, or tokens do not stand in the texts.
    """
    if read_text(path).split("\n", 1)[0].rstrip("\r") == COLUMNS:
        return own.read_conll(path, gold)
    entities: list[list[Entity]] = [[] for _ in gold]
    read_spans: list[list[Span]] = [[] for _ in gold]
    blocks = read_blocks(path)
    for block, placed in zip(blocks, place_blocks(blocks, gold), strict=True):
        entities[placed.document] += _entities(block, placed)
        read_spans[placed.document].append(Span(placed.spans[0].start, placed.spans[-1].end))
    return [
        answer(document, own_entities, _coverage(document, spans))
        for document, own_entities, spans in zip(gold, entities, read_spans, strict=True)
    ]


def _entities(block: Sequence[Token], placed: PlacedBlock) -> Iterator[Entity]:
    for chunk in find_chunks((Tagged(token.where, token.tag) for token in block), []):
        first, last = placed.spans[chunk.first], placed.spans[chunk.last]
        yield Entity(first.start, last.end, chunk.label)


def _coverage(document: Document, spans: Sequence[Span]) -> float:
    """Return the share of the words that were read whole; 1 where there is no word."""
    words = find_words(document.text)
    if not len(words):
        return 1.0
    was_read = np.zeros(len(document.text), dtype=bool)
    for start, end in spans:
        was_read[start:end] = True
    return float(np.mean([was_read[start:end].all() for start, end in words]))
