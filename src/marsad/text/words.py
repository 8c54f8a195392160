"""Words: the units that carry one entity tag each.

A word is a run of letters, digits and the marks that belong to them (harakat, tatweel); a number
keeps its separators (14.30); every other visible character, with what combines with it, is a word
of its own (Unicode Standard Annex 29, extended grapheme clusters). Zero-width characters and bidi
controls belong to a word only inside it. Words depend on the text alone, never on a tokenizer.
"""

from itertools import islice

import numpy as np
import numpy.typing as npt
import regex

_RUN = r"[\p{L}\p{N}\p{M}]+(?:\p{Cf}+[\p{L}\p{N}\p{M}]+)*"
_WORD = regex.compile(
    rf"\p{{Nd}}+(?:[.,:/٫٬]\p{{Nd}}+)+(?:{_RUN})?"  # 14.30  1,200  2018/7
    rf"|{_RUN}"  # letters, digits and their marks
    # A flag, as \X has it; \X itself counts all letters of flags before it, for each again.
    r"|\p{GCB=RI}{1,2}[\p{GCB=EX}\p{GCB=ZWJ}\p{GCB=SM}]*"
    r"|(?![\s\p{Cf}\p{Cc}])\X"  # anything else that can be seen
)
_JOINED = regex.compile(r"[\p{L}\p{M}]")
_LETTER = regex.compile(r"(?!\u0640)[\p{L}\p{N}]")

# The longest proclitic chain that a mention's first word may carry, in letters: وبال
MAX_PROCLITIC = 4


def find_words(text: str) -> npt.NDArray[np.int64]:
    """Return the words of a text as an array of shape (words, 2): start and end offsets."""
    spans = [match.span() for match in _WORD.finditer(text)]
    return np.array(spans, dtype=np.int64).reshape(-1, 2)


def count_words(text: str, *, most: int | None = None) -> int:
    """Return how many words a text has; counting ends at ``most``."""
    return sum(1 for _ in islice(_WORD.finditer(text), most))


def follows_letter(text: str, at: int) -> bool:
    """Say whether a letter, or a mark of one, stands right before a place in a text."""
    return at > 0 and _JOINED.match(text[at - 1]) is not None


def letter_starts(word: str) -> list[int]:
    """Return where the letters and digits of a word begin, and its first character in any case.

    Marks and tatweel belong to the letter before them, so no cut at one of these offsets parts a
    letter from its vowel.
    """
    return [0, *(match.start() for match in _LETTER.finditer(word, 1))]
