"""The annotated texts in a row, where blocks of tokens can be searched.

Between the tokens of a block only white space, zero-width characters and bidi controls may stand.
"""

import unicodedata
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate, islice
from typing import NamedTuple

from marsad.document import Document
from marsad.errors import DataError
from marsad.predictions.blocks import Token

_BARRIER = "\0"  # between texts; no token has it
_KEY = 8  # sentences are looked up by at most so many of their first characters


class Span(NamedTuple):
    """Where a token stands: ``[start, end)``."""

    start: int
    end: int


class Texts:
    """All texts as one, and where their sentences begin in it.

    A text that has no sentences counts as a single one.
    """

    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = documents
        self.text = _BARRIER.join(document.text for document in documents)
        self.offsets = list(accumulate((len(d.text) + 1 for d in documents), initial=0))[:-1]
        self.sentences: defaultdict[str, list[int]] = defaultdict(list)
        for offset, document in zip(self.offsets, documents, strict=True):
            for start in [s.start for s in document.sentences] or [0]:
                self._note_sentence(offset + start)

    def first_sentence(
        self, block: Sequence[Token], after: int, limit: int, *, whole: bool
    ) -> list[Span] | None:
        """Return the first place at the start of a sentence; see :meth:`first`."""
        starts = self.sentences.get(block[0].text[:_KEY], [])
        for start in islice(starts, bisect_left(starts, after), bisect_left(starts, limit)):
            if spans := self.walk(block, start, whole=whole):
                return spans
        return None

    def first(
        self, block: Sequence[Token], after: int, limit: int, *, whole: bool
    ) -> list[Span] | None:
        """Return the first place of a block, or None.

        Args:
            block: its tokens.
            after: the end of the block before. This one begins there or later; inside a word only
                if just there.
            limit: it begins before this position.
            whole: it does not end inside a word.
        """
        token = block[0].text
        stop = limit + len(token) - 1
        start = self.text.find(token, after, stop)
        while start >= 0:
            apart = start == after or not self._inside_word(start)
            if apart and (spans := self.walk(block, start, whole=whole)):
                return spans
            start = self.text.find(token, start + 1, stop)
        return None

    def walk(self, block: Sequence[Token], start: int, *, whole: bool) -> list[Span] | None:
        """Return the places of tokens one after another, or None where one does not follow."""
        spans = []
        for token in block:
            while not self.text.startswith(token.text, start):
                if not self._is_gap(start):
                    return None
                start += 1
            spans.append(Span(start, start + len(token.text)))
            start = spans[-1].end
        return None if whole and self._inside_word(start) else spans

    def locate(self, position: int) -> tuple[int, int]:
        """Return the document that a position is in, counted from 0, and the offset there."""
        number = bisect_right(self.offsets, position) - 1
        return number, position - self.offsets[number]

    def misfit(self, block: Sequence[Token], after: int) -> DataError:
        """Return the error of a block that stands nowhere after a position."""

        def is_misfit(size: int) -> bool:
            return not self.first(block[:size], after, len(self.text), whole=False)

        token = block[bisect_left(range(1, len(block) + 1), True, key=is_misfit)]
        number, offset = self.locate(after)
        return DataError(
            f"{token.where}: token {token.text!r} does not fit the annotated texts, searched from "
            f"document {self.documents[number].id!r}, {offset} on; give their tokens unchanged and "
            "in their order"
        )

    def _note_sentence(self, start: int) -> None:
        while self._is_gap(start):
            start += 1
        for size in range(1, _KEY + 1):
            self.sentences[self.text[start : start + size]].append(start)

    def _is_gap(self, position: int) -> bool:
        char = self.text[position : position + 1]
        if not char or char == _BARRIER:
            return False
        return char.isspace() or unicodedata.category(char) in ("Cc", "Cf")

    def _inside_word(self, position: int) -> bool:
        """Return whether letters, digits or their marks stand on both sides."""
        around = self.text[max(0, position - 1) : position + 1]
        return len(around) > 1 and all(unicodedata.category(c)[0] in "LMN" for c in around)
