"""Edits: replacements over a text, made all at once, and where its offsets go.

The rule at the edges, on which every perturbation rests:

* an insertion belongs to what follows it, but stays outside a mention that begins there, as a
  proclitic does (guidelines rule 1), and outside whatever ends there;
* what is replaced maps to the whole replacement; an offset inside it goes to the replacement's
  beginning when a mention starts there and to its end when one ends there.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Offsets = npt.NDArray[np.int64]


class Edit(NamedTuple):
    """What comes in the place of ``[start, end)``; an insertion has ``start == end``."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Edited:
    """A rewritten text and, for each old offset 0..n, the new one; arrays of shape (n + 1,)."""

    text: str
    starts: Offsets
    ends: Offsets

    def mention(self, start: int, end: int) -> tuple[int, int]:
        """Return where a mention ``[start, end)`` is now; insertions at its edges stay outside."""
        return int(self.starts[start]), int(self.ends[end])

    def stretch(self, start: int, end: int) -> tuple[int, int]:
        """Return where a stretch such as a sentence is now; insertions at its start are inside."""
        return int(self.ends[start]), int(self.ends[end])


def apply_edits(text: str, edits: Iterable[Edit]) -> Edited:
    """Make all edits at once, in time linear in the text.

    Several insertions at one offset come in the order given, before what is replaced from there.

    Raises:
        ValueError: edits overlap or lie outside the text.
    """
    ordered = sorted(edits, key=lambda edit: (edit.start, edit.end))
    parts, done = [], 0
    for edit in ordered:
        if not done <= edit.start <= edit.end <= len(text):
            raise ValueError(f"{edit} overlaps another edit or leaves the text of {len(text)}")
        parts += [text[done : edit.start], edit.text]
        done = edit.end
    starts, ends = _move(len(text), ordered)
    return Edited("".join([*parts, text[done:]]), starts, ends)


def _move(length: int, edits: Sequence[Edit]) -> tuple[Offsets, Offsets]:
    """Return the new offsets of starts and of ends: the growth of the edits before, summed up."""
    growth = np.zeros((2, length + 2), dtype=np.int64)
    for edit in edits:
        grown = len(edit.text) - (edit.end - edit.start)
        growth[0, edit.end] += grown
        growth[1, edit.end + (edit.start == edit.end)] += grown
    moved = np.arange(length + 1) + growth.cumsum(axis=1)[:, :-1]
    starts, ends = moved
    for edit in edits:
        inside = slice(edit.start + 1, edit.end)
        starts[inside] = starts[edit.start]
        ends[inside] = starts[edit.start] + len(edit.text)
    return starts, ends
