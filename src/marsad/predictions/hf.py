"""Predictions of Hugging Face's token-classification pipeline, as JSON.

https://huggingface.co/docs/transformers/main_classes/pipelines#transformers.TokenClassificationPipeline

With an aggregation strategy an item is a mention, its label in ``entity_group``. Without one it is
a piece of a word, its tag in ``entity`` and its position in ``index``, and pieces are joined here.
:func:`marsad.predictions.containers.read_lists` says how the items of documents are kept.

Some tokenizers count the space before a word to its first piece, or make a piece of it. Spaces at
the edges of a mention are therefore left out, and so is what has no other character.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from marsad.document import Document, Entity
from marsad.errors import DataError
from marsad.labels import OUTSIDE
from marsad.predictions.containers import PlacedItem, read_lists
from marsad.predictions.mentions import Item, parse_label, parse_offsets, parse_share, show

_TAG = re.compile(r"([BI])-(.+)", re.DOTALL)


class _Piece(NamedTuple):
    start: int
    end: int
    label: str
    begins: bool
    position: int
    score: float | None


def read(path: Path, gold: Sequence[Document]) -> list[Document]:
    """Read a file of what the pipeline returned.

    Raises:
        DataError: the file is malformed or of other documents, or has no offsets.
    """
    return read_lists(path, gold, _entities)


def _entities(items: Sequence[PlacedItem], document: Document) -> Iterator[Entity]:
    groups, pieces = [], []
    for where, item in items:
        field = "entity_group" if "entity_group" in item else "entity"
        label = parse_label(item, field, where)
        if label != OUTSIDE and field == "entity_group":
            groups.append(_group(item, label, document, where))
        elif label != OUTSIDE:
            pieces.append(_piece(item, label, document, where))
    return (e for e in chain(groups, _join(pieces)) if e.start < e.end)


def _group(item: Item, label: str, document: Document, where: str) -> Entity:
    start, end = _offsets(item, document, where)
    return Entity(start, end, label, parse_share(item.get("score"), "score", where))


def _piece(item: Item, tag: str, document: Document, where: str) -> _Piece:
    """Read a piece; a tag without ``B-`` or ``I-`` is read as ``I-``, as the pipeline reads it."""
    start, end = _offsets(item, document, where)
    match = _TAG.fullmatch(tag)
    kind, label = match.groups() if match else ("I", tag)
    position = item.get("index")
    if type(position) is not int:
        raise DataError(
            f"{where}: `index` is {show(position)}, and pieces are joined by it; give what the "
            "pipeline returns, or set its aggregation_strategy"
        )
    score = parse_share(item.get("score"), "score", where)
    return _Piece(start, end, label, kind == "B", position, score)


def _offsets(item: Item, document: Document, where: str) -> tuple[int, int]:
    if item.get("start") is None or item.get("end") is None:
        raise DataError(f"{where}: has no offsets; use a fast tokenizer (use_fast=True)")
    start, end = parse_offsets(item, document, where)
    surface = document.text[start:end]
    start += len(surface) - len(surface.lstrip())
    return start, max(start, end - len(surface) + len(surface.rstrip()))


def _join(pieces: Sequence[_Piece]) -> Iterator[Entity]:
    run: list[_Piece] = []
    for piece in pieces:
        if run and not _continues(run[-1], piece):
            yield _mention(run)
            run = []
        run.append(piece)
    if run:
        yield _mention(run)


def _continues(before: _Piece, piece: _Piece) -> bool:
    same_word = before.start <= piece.start <= before.end
    inside = not piece.begins and piece.position == before.position + 1
    return piece.label == before.label and (same_word or inside)


def _mention(run: Sequence[_Piece]) -> Entity:
    """Join pieces; the score is their mean, if each has one."""
    scores = [piece.score for piece in run if piece.score is not None]
    score = fmean(scores) if len(scores) == len(run) else None
    return Entity(min(p.start for p in run), max(p.end for p in run), run[0].label, score)
