"""Mentions as JSON objects: offsets, a label and perhaps a score, each checked.

Offsets are code points, as Python counts them. Tools in other languages may count UTF-16 units or
bytes, and then what stands at their offsets is not what they mean.
"""

import reprlib
from collections.abc import Mapping

from marsad.document import Document, Entity
from marsad.errors import DataError

Item = Mapping[str, object]

_SHORT = reprlib.Repr()
_SHORT.maxstring = 80


def show(value: object) -> str:
    """Return a value as an error shows it: in one short line, however large it is."""
    return _SHORT.repr(value)


def parse_mention(item: Item, document: Document, where: str) -> Entity:
    """Read ``start``, ``end``, ``label`` and, if given, ``score``; check ``text``, if given.

    Raises:
        DataError: one of them is missing or wrong, or ``text`` is not what stands there.
    """
    start, end = parse_offsets(item, document, where)
    if start == end:
        raise DataError(f"{where}: {start}..{end} is empty; leave it out or correct its offsets")
    mention, text = document.text[start:end], item.get("text")
    if text not in (None, mention):
        raise DataError(
            f"{where}: {start}..{end} is {show(mention)} in the annotated text and {show(text)} in "
            "the file; give offsets in code points of the annotated text"
        )
    label = parse_label(item, "label", where)
    return Entity(start, end, label, parse_share(item.get("score"), "score", where))


def parse_offsets(item: Item, document: Document, where: str) -> tuple[int, int]:
    """Read ``start`` and ``end``; they may be equal.

    Raises:
        DataError: one is missing, no whole number or outside the text, or the end comes first.
    """
    start, end = item.get("start"), item.get("end")
    if type(start) is not int or type(end) is not int:  # isinstance would let True through
        raise DataError(
            f"{where}: `start` is {show(start)} and `end` {show(end)}; give whole numbers, the "
            "offsets in the annotated text"
        )
    if not 0 <= start <= end <= len(document.text):
        raise DataError(
            f"{where}: {start}..{end} is no span of the annotated text of {len(document.text)} "
            "characters; predict on that text"
        )
    return start, end


def parse_label(item: Item, field: str, where: str) -> str:
    """Read a label, the string in a field.

    Raises:
        DataError: it is missing, empty or no string.
    """
    label = item.get(field)
    if not isinstance(label, str) or not label:
        raise DataError(f"{where}: `{field}` is {show(label)}; give the name of the label")
    return label


def parse_share(value: object, field: str, where: str) -> float | None:
    """Check a probability or a share, the value of a field; None stays None.

    Raises:
        DataError: it is not a number from 0 to 1.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise DataError(
            f"{where}: `{field}` is {show(value)}; give a number from 0 to 1, or leave it out"
        )
    return value
