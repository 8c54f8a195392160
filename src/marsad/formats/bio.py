"""BIO (IOB2) tags read from a file: runs of ``B-X I-X …``, and what to do with a stray ``I-X``.

IOB2: https://en.wikipedia.org/wiki/Inside–outside–beginning_(tagging)
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from marsad.errors import DataError
from marsad.labels import OUTSIDE

_TAG = re.compile(r"O|([BI])-(\S+)")


class Tagged(NamedTuple):
    """A tag and the place that it was read from, ``file:line``."""

    where: str
    tag: str


class Chunk(NamedTuple):
    """A mention: positions of its first and last token, and its label."""

    first: int
    last: int
    label: str


def find_chunks(sentence: Iterable[Tagged], repaired: list[str] | None = None) -> list[Chunk]:
    """Return the mentions of one sentence.

    Args:
        sentence: its tags.
        repaired: where given, an ``I-X`` that continues nothing is read as ``B-X`` and its place is
            appended here; otherwise it is refused.

    Raises:
        DataError: a tag is not BIO, or an ``I-X`` continues nothing.
    """
    chunks: list[Chunk] = []
    for position, (kind, label) in enumerate(_legal_tags(sentence, repaired)):
        if kind == "B":
            chunks.append(Chunk(position, position, label))
        elif kind == "I":
            chunks[-1] = chunks[-1]._replace(last=position)
    return chunks


def _legal_tags(
    sentence: Iterable[Tagged], repaired: list[str] | None
) -> Iterator[tuple[str, str]]:
    """Yield kind (``O``, ``B`` or ``I``) and label of each tag; ``I`` follows its own label."""
    before = ""
    for where, tag in sentence:
        match = _TAG.fullmatch(tag)
        if not match:
            raise DataError(f"{where}: tag {tag!r} is not O, B-X or I-X; convert it to BIO (IOB2)")
        kind, label = (OUTSIDE, "") if tag == OUTSIDE else match.groups()
        if kind == "I" and label != before:
            if repaired is None:
                raise DataError(
                    f"{where}: {tag} continues no mention of {label}; write B-{label}, or give "
                    "--repair to do so everywhere"
                )
            repaired.append(where)
            kind = "B"
        before = label
        yield kind, label
