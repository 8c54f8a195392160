"""Vowel signs on text that has few: plausible, not correct, for no dictionary stands behind it."""

import random
import re
from collections.abc import Iterator

from marsad.document import Document
from marsad.stress.edits import Edit
from marsad.stress.letters import LETTERS, MARKS, WORD, is_letter
from marsad.stress.perturbation import Perturbed, rewrite

FATHA, DAMMA, KASRA = "\u064e", "\u064f", "\u0650"
TANWIN = ("\u064b", "\u064c", "\u064d")
SHADDA, SUKUN = "\u0651", "\u0652"

VOWEL_SHARE = 0.85
SHADDA_SHARE = 0.08
TANWIN_SHARE = 0.25
SUKUN_SHARE = 0.25

_VOWELS = FATHA * 5 + KASRA * 3 + DAMMA * 2
_SUN = frozenset("تثدذرزسشصضطظلن")
_LENGTHENED = {"ا": FATHA, "ى": FATHA, "ة": FATHA, "و": DAMMA, "ي": KASRA}
_FIXED = {"ا": "", "أ": FATHA, "آ": "", "ى": "", "ٱ": "", "إ": KASRA}
_ARTICLE = re.compile(rf"[وفبك]?ا(?=ل[{LETTERS}]{{2}})")
_MARKED = re.compile(f"[{MARKS}]")


def vocalise(document: Document, rng: random.Random) -> Perturbed | None:
    """Put a vowel sign on most letters; signs that stand in the text already are kept."""
    edits = []
    for word in WORD.finditer(document.text):
        for at, marks in _vocalise_word(word.group(), rng):
            offset = word.start() + at
            edits.append(Edit(offset, offset + 1, word.group()[at] + marks))
    return rewrite(document, edits)


def _vocalise_word(word: str, rng: random.Random) -> Iterator[tuple[int, str]]:
    """Yield the offset of each letter of a word that gets marks, and the marks."""
    article = _ARTICLE.match(word)
    lam = article.end() if article else -1
    sun = lam >= 0 and word[lam + 1] in _SUN
    letters = [i for i, character in enumerate(word) if is_letter(character)]
    still = True  # no sukun opens a word, and none follows another
    for i, following in zip(letters, [*(word[j] for j in letters[1:]), ""], strict=True):
        if _MARKED.match(word, i + 1):
            still = False
            continue
        if i == lam:
            marks = "" if sun else SUKUN
        elif sun and i == lam + 1:
            marks = SHADDA + _vowel(following, rng)
        else:
            marks = _marks(word[i], following, rng, still=still)
        still = marks in ("", SUKUN)
        if marks:
            yield i, marks


def _marks(letter: str, following: str, rng: random.Random, *, still: bool) -> str:
    """Return the marks of one letter; a long ا carries none, tanwin stands at the end only."""
    if letter in _FIXED:
        return _FIXED[letter]
    if rng.random() > VOWEL_SHARE or (letter in "وي" and not still and rng.random() < 0.5):
        return ""
    if not following and rng.random() < TANWIN_SHARE:
        return rng.choice(TANWIN)
    if not still and letter not in "ؤئءة" and rng.random() < SHADDA_SHARE:
        return SHADDA + _vowel(following, rng)
    if not still and following not in _LENGTHENED and rng.random() < SUKUN_SHARE:
        return SUKUN
    return _vowel(following, rng)


def _vowel(following: str, rng: random.Random) -> str:
    """Return a short vowel: the one that goes with a long vowel after it, or any."""
    return _LENGTHENED.get(following) or rng.choice(_VOWELS)
