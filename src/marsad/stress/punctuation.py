"""Text without its punctuation, as tickers, chats and speech recognition leave it."""

import random
from collections.abc import Iterator

import regex

from marsad.document import Document, Sentence
from marsad.stress.edits import Edit
from marsad.stress.perturbation import Perturbed, rewrite

# A run of punctuation with the blanks around it; a tatweel on its own is a dash. What stands inside
# a number is none of it, and neither are signs of measure (%) and the _ that makes a tag one word.
_MARK = r"(?!(?<=\d)[.,:/٫٬\-]\d|(?<=\w)_\w|[%٪‰])\p{P}|(?<!\S)ـ+(?!\S)"
_RUN = regex.compile(rf"[^\S\n]*(?:(?:{_MARK})[^\S\n]*)+")
_QUOTED_PROCLITIC = regex.compile(r"(?<![\p{L}\p{M}])[وف]?(?:[وفبكل]|[بك]?ال|لل)ـ*(?=[\"'«“‘(])")
_SEEN = regex.compile(r"[\p{L}\p{N}\p{S}%٪‰]")


def drop_punctuation(document: Document, rng: random.Random) -> Perturbed | None:
    """Drop all punctuation but what stands inside numbers; no two words are joined by it.

    A sentence that is nothing but punctuation stays.
    """
    edits = [edit for s in document.sentences for edit in _drop(document.text, s)]
    return rewrite(document, edits)


def _drop(text: str, sentence: Sentence) -> Iterator[Edit]:
    """Yield the edits of a sentence: a space between two words, nothing at its edges.

    Where the next sentence follows without a space, the stop between them becomes one; where a
    proclitic stands before a quotation mark, nothing comes between it and its word.
    """
    if not _SEEN.search(text, sentence.start, sentence.end):
        return
    stuck = {m.end() for m in _QUOTED_PROCLITIC.finditer(text, sentence.start, sentence.end)}
    for run in _RUN.finditer(text, sentence.start, sentence.end):
        start, end = run.span()
        inside = sentence.start < start and end < sentence.end and start not in stuck
        glued = end == sentence.end and not text[end : end + 1].isspace() and end < len(text)
        yield Edit(start, end, " " if inside or glued else "")
