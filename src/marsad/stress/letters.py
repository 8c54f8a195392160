"""Arabic letters and the marks on them, as the perturbations need them."""

import re

MARKS = "\u064b-\u0652\u0653-\u0655\u0670"
LETTERS = "\u0621-\u063a\u0641-\u064a\u0671"
TATWEEL = "\u0640"

# Letters that do not join the one after them.
APART = frozenset("اأإآٱدذرزوؤءةى")

WORD = re.compile(rf"[{LETTERS}](?:[{LETTERS}{MARKS}{TATWEEL}]*)")
_MARK = re.compile(rf"[{MARKS}{TATWEEL}]+")
_LETTER = re.compile(f"[{LETTERS}]")


def bare(text: str) -> str:
    """Return the text without vowel signs and tatweel."""
    return _MARK.sub("", text)


def is_letter(character: str) -> bool:
    """Say whether a character is an Arabic letter; marks and tatweel are none."""
    return _LETTER.fullmatch(character) is not None


def letters_of(text: str, start: int, end: int) -> list[int]:
    """Return the offsets of the Arabic letters in ``[start, end)``."""
    return [match.start() for match in _LETTER.finditer(text, start, end)]
