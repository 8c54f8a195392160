"""Slips of the finger: letters swapped, dropped, doubled or mistaken for their neighbour key."""

import random
import re
from collections.abc import Collection, Mapping
from functools import cache
from itertools import pairwise

from marsad.document import Document
from marsad.stress.edits import Edit
from marsad.stress.letters import MARKS, WORD, letters_of
from marsad.stress.lexicon import lexicon
from marsad.stress.perturbation import Perturbed, rewrite

SLIP_SHARE = 1 / 8
FEWEST_LETTERS = 4

_MARKS_OF = re.compile(f"[{MARKS}]*")


def mistype(document: Document, rng: random.Random) -> Perturbed | None:
    """Make one slip in about one of eight words of four letters and more.

    Proclitics before a mention and its first letter are left alone, so that its start stays where
    a reader would put it.
    """
    fixed = _fixed_letters(document)
    edits: list[Edit] = []
    for word in WORD.finditer(document.text):
        letters = letters_of(document.text, *word.span())
        if len(letters) >= FEWEST_LETTERS and rng.random() < SLIP_SHARE:
            edits += _slip(document.text, [i for i in letters if i not in fixed], rng)
    return rewrite(document, edits)


@cache
def neighbours() -> Mapping[str, str]:
    """Return the letters left and right of each letter's key."""
    beside: dict[str, str] = {}
    for row in lexicon().keyboard:
        for left, right in pairwise(row):
            beside[left] = beside.get(left, "") + right
            beside[right] = beside.get(right, "") + left
    return beside


def _fixed_letters(document: Document) -> Collection[int]:
    """Return the offsets of each mention's first letter and of what precedes it in its word."""
    fixed = {entity.start for entity in document.entities}
    for start in list(fixed):
        at = start
        while at > 0 and not document.text[at - 1].isspace():
            at -= 1
            fixed.add(at)
    return fixed


def _slip(text: str, letters: list[int], rng: random.Random) -> list[Edit]:
    """Return the edits of one slip on one of the letters, by offset; none where none is free."""
    beside = neighbours()
    swaps = [(i, j) for i, j in pairwise(letters) if j == i + 1 and text[i] != text[j]]
    keys = [i for i in letters if text[i] in beside]
    kinds = [name for name, places in (("swap", swaps), ("key", keys)) if places]
    kinds += ["drop", "double"] if letters else []
    match rng.choice(kinds) if kinds else None:
        case "swap":
            i, j = rng.choice(swaps)
            return [Edit(i, j + 1, text[j] + text[i])]
        case "key":
            i = rng.choice(keys)
            return [Edit(i, i + 1, rng.choice(beside[text[i]]))]
        case "drop":
            i = rng.choice(letters)
            marks = _MARKS_OF.match(text, i + 1)
            return [Edit(i, marks.end() if marks else i + 1, "")]
        case "double":
            i = rng.choice(letters)
            return [Edit(i, i + 1, text[i] * 2)]
    return []
