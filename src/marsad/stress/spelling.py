"""Spellings that change no word: hamzas left out, stretched words, the other digits."""

import random
import re
from collections.abc import Mapping

from marsad.document import Document
from marsad.stress.edits import Edit
from marsad.stress.letters import APART, MARKS, TATWEEL, WORD, is_letter
from marsad.stress.perturbation import Perturbed, rewrite
from marsad.text.cleaning import CARELESS

DIGITS = dict(zip("0123456789٠١٢٣٤٥٦٧٨٩", "٠١٢٣٤٥٦٧٨٩0123456789", strict=True))

STRETCHED_SHARE = 0.15
MOST_TATWEEL = 4

# Digits of names such as M4, F-16 and of links are Western in Arabic copy too.
_NUMBER = re.compile(r"(?<![A-Za-z\d])(?<![A-Za-z][-_./@])\d+(?![A-Za-z\d])")
_LETTER_AND_NEXT = re.compile(rf".[{MARKS}]*(?=(?P<next>.))")


def drop_hamzas(document: Document, rng: random.Random) -> Perturbed | None:
    """Write أ إ آ ٱ as ا, ؤ as و, ئ and ى as ي, ة as ه, as careless copy does."""
    return rewrite(document, _replace(document.text, 0, len(document.text), CARELESS))


def swap_digits(document: Document, rng: random.Random) -> Perturbed | None:
    """Write Western digits as Arabic-Indic ones and the reverse; separators stay."""
    numbers = _NUMBER.finditer(document.text)
    return rewrite(
        document, [edit for n in numbers for edit in _replace(document.text, *n.span(), DIGITS)]
    )


def stretch(document: Document, rng: random.Random) -> Perturbed | None:
    """Stretch some words by one to four tatweels between two letters that join."""
    edits = []
    for word in WORD.finditer(document.text):
        joints = _joints(word.group())
        if joints and rng.random() < STRETCHED_SHARE:
            at = word.start() + rng.choice(joints)
            edits.append(Edit(at, at, TATWEEL * rng.randint(1, MOST_TATWEEL)))
    return rewrite(document, edits)


def _replace(text: str, start: int, end: int, table: Mapping[str, str]) -> list[Edit]:
    return [Edit(i, i + 1, table[text[i]]) for i in range(start, end) if text[i] in table]


def _joints(word: str) -> list[int]:
    """Return the offsets in a word where a letter joins the one before it; لا stays whole."""
    return [
        match.end()
        for match in _LETTER_AND_NEXT.finditer(word)
        if is_letter(word[match.start()])
        and word[match.start()] not in APART
        and is_letter(match["next"])
        and match["next"] != "ء"
        and not (word[match.start()] == "ل" and match["next"] in "اأإآٱ")
    ]
