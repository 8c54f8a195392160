"""Windows: whole sentences packed into what an encoder reads at once.

Each sentence is tokenized once, on its own. A window is one or more sentences in order, between
the encoder's start and end tokens, so that sentences see their neighbours::

    <s> pieces of sentence 1, pieces of sentence 2 </s>

A sentence longer than a window is cut between words into parts that share some words; every word
belongs to exactly one part, nothing is left out.

A window may also show the text around it, for which no part answers (Schweter & Akbik 2020, "FLERT:
Document-Level Features for Named Entity Recognition")::

    <s> last pieces before, pieces of sentence 3, pieces of sentence 4, first pieces after </s>
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from marsad.errors import ConfigError
from marsad.text.cleaning import Cleaning, clean
from marsad.text.words import find_words

Pooling = Literal["attention", "first"]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

TOGETHER = 64  # sentences that are tokenized at once
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class SpecialIds:
    """Ids of the tokens that open a window, close it and fill up a batch."""

    start: int
    end: int
    pad: int


@dataclass(frozen=True)
class TokenizedSentence:
    """A sentence as words and pieces.

    ``words`` has shape (words, 2), offsets in the document. ``pieces`` are token ids;
    ``first_piece`` gives the index of each word's first piece. ``silent`` marks the words that have
    no piece of their own: cleaning or the tokenizer dropped them, or they share a neighbour's. They
    stand at the nearest piece, and belong to a mention only where the words around them do.
    """

    words: Ints
    pieces: Ints
    first_piece: Ints
    silent: Bools


@dataclass(frozen=True)
class Part:
    """A sentence, or a part of one, inside a window: the words it answers for, and where they are.

    It answers for ``[first_word, last_word)`` of the sentence; ``words`` and ``silent`` are of the
    sentence, too. ``positions`` (one a word) are those of the words' first pieces; ``begin`` and
    ``end`` bound all its pieces, those shared with its neighbours included, the first of which is
    the sentence's piece number ``piece``. What the window shows of the text around it lies outside
    of them.
    """

    sentence: int
    first_word: int
    last_word: int
    words: Ints
    silent: Bools
    positions: Ints
    begin: int
    end: int
    piece: int
    whole: bool


@dataclass(frozen=True)
class Window:
    """Token ids for the encoder, and the parts of sentences to read in them."""

    ids: Ints
    parts: tuple[Part, ...]

    def spans(self, pooling: Pooling) -> list[tuple[int, int]]:
        """Return the token range that the event head reads for each part."""
        if pooling == "first":
            return [(0, 1)]
        return [(part.begin, part.end) for part in self.parts]


def tokenize_sentences(
    text: str,
    sentences: Iterable[tuple[int, int]],
    tokenizer: Tokenizer,
    cleaning: Cleaning = (),
) -> Iterator[TokenizedSentence]:
    """Clean sentences, tokenize them, a batch at a time, and align their pieces with words."""
    rest = iter(sentences)
    while batch := list(islice(rest, TOGETHER)):
        cleaned = [clean(_encodable(text[a:b]), cleaning) for a, b in batch]
        encodings = tokenizer.encode_batch([c.text for c in cleaned], add_special_tokens=False)
        for (a, b), aligned, encoding in zip(batch, cleaned, encodings, strict=True):
            offsets = [aligned.source(*span) for span in encoding.offsets]
            yield _align(text[a:b], a, encoding.ids, offsets)


def _encodable(text: str) -> str:
    """Put U+FFFD where half a surrogate pair stands, which no tokenizer takes."""
    return _SURROGATE.sub("\ufffd", text)


def _align(
    sentence: str, shift: int, ids: list[int], offsets: list[tuple[int, int]]
) -> TokenizedSentence:
    """Find the first piece of each word by offsets: the first that ends after the word starts."""
    words = find_words(sentence)
    starts, ends = np.array(offsets, dtype=np.int64).reshape(-1, 2).T
    first_piece = np.searchsorted(ends, words[:, 0], side="right")
    touched = np.flatnonzero(first_piece < np.searchsorted(starts, words[:, 1], side="left"))
    lettered = [sentence[start].isalnum() for start in words[touched, 0]]
    touched = touched[np.argsort(np.logical_not(lettered), kind="stable")]
    _, owners = np.unique(first_piece[touched], return_index=True)  # letters come before signs
    silent = np.ones(len(words), dtype=bool)
    silent[touched[owners]] = False
    first_piece = np.minimum(first_piece, max(len(ids) - 1, 0))
    return TokenizedSentence(words + shift, np.array(ids, dtype=np.int64), first_piece, silent)


def pack_windows(
    sentences: Iterable[TokenizedSentence],
    special: SpecialIds,
    *,
    max_tokens: int,
    overlap: int,
    max_sentences: int,
    context: int = 0,
) -> Iterator[Window]:
    """Pack tokenized sentences, in order, into windows of at most ``max_tokens`` tokens.

    Sentences are taken one by one as windows are asked for, one window ahead. One without words is
    in no window.

    Args:
        sentences: those of one document.
        special: names the tokens that open and close a window.
        max_tokens: room for these two, for sentences, and for context on both sides.
        overlap: how many words the parts of a sentence cut in two share.
        max_sentences: how many sentences a window may hold.
        context: how many pieces of the text before its own a window shows, and how many of the
            text after. They are of the window before and the window after: where such a one is
            shorter, or there is none, less is shown.

    Raises:
        ConfigError: the context leaves no room for sentences.
    """
    room = max_tokens - 2 - 2 * context
    if context and room < 1:
        raise ConfigError(
            f"context: {context} tokens on either side leave no room for sentences in a window of "
            f"{max_tokens}; take less context or a longer window"
        )
    groups = _group(_cut_all(sentences, room, overlap), room, max_sentences)
    none: Sequence[_Piece] = ()
    for (before, own), (_, after) in pairwise(pairwise(chain([none], groups, [none]))):
        left, right = _context(before, own, after, context)
        yield _build(own, special, left, right)


class _Piece(NamedTuple):
    """Words ``[first, last)`` of a sentence, answering for ``[own_first, own_last)`` of them.

    Their pieces are ``[begin, begin + size)`` of the sentence's, and ``[start, start + size)`` of
    the text's.
    """

    number: int
    sentence: TokenizedSentence
    own_first: int
    own_last: int
    begin: int
    size: int
    start: int


def _cut_all(sentences: Iterable[TokenizedSentence], room: int, overlap: int) -> Iterator[_Piece]:
    start = 0
    for index, sentence in enumerate(sentences):
        yield from _cut(index, sentence, start, room, overlap)
        start += len(sentence.pieces)


def _cut(
    index: int, sentence: TokenizedSentence, start: int, room: int, overlap: int
) -> Iterator[_Piece]:
    """Cut a sentence between words where it is too long for a window.

    Neighbours share up to ``overlap`` words. One word may be longer than a window: it is read by
    its beginning, and the rest of it is not shown as context either.
    """
    bounds, count = np.append(sentence.first_piece, len(sentence.pieces)), len(sentence.words)
    bounds[0] = 0
    first = own_first = 0
    while own_first < count:
        last = int(np.searchsorted(bounds, bounds[first] + room, side="right")) - 1
        last = min(max(last, own_first + 1), count)
        shared = min(overlap, (last - own_first) // 2) if last < count else 0
        own_last = last - shared // 2
        begin = int(bounds[first])
        size = min(int(bounds[last]) - begin, room)
        yield _Piece(index, sentence, own_first, own_last, begin, size, start + begin)
        first, own_first = own_last - shared // 2, own_last


def _group(pieces: Iterable[_Piece], room: int, most: int) -> Iterator[Sequence[_Piece]]:
    """Put together what a window has room for."""
    chosen: list[_Piece] = []
    used = 0
    for piece in pieces:
        if chosen and (used + piece.size > room or len(chosen) == most):
            yield chosen
            chosen, used = [], 0
        chosen.append(piece)
        used += piece.size
    if chosen:
        yield chosen


def _context(
    before: Sequence[_Piece], own: Sequence[_Piece], after: Sequence[_Piece], size: int
) -> tuple[Ints, Ints]:
    """Return up to ``size`` ids of each of a window's neighbours, the nearest to it.

    The parts of a sentence share pieces; what the window holds itself is not shown again.
    """
    places, left = _text_of(before)
    left = left[places < own[0].start]
    places, right = _text_of(after)
    right = right[places >= own[-1].start + own[-1].size]
    return left[max(len(left) - size, 0) :], right[:size]


def _text_of(pieces: Sequence[_Piece]) -> tuple[Ints, Ints]:
    """Return which ids of the text these are, in order and each once, and the ids."""
    none = np.empty(0, dtype=np.int64)
    places = [none, *(np.arange(piece.start, piece.start + piece.size) for piece in pieces)]
    ids = [none, *(p.sentence.pieces[p.begin : p.begin + p.size] for p in pieces)]
    once, first = np.unique(np.concatenate(places), return_index=True)
    return once, np.concatenate(ids)[first]


def _build(chosen: Sequence[_Piece], special: SpecialIds, left: Ints, right: Ints) -> Window:
    ids: list[Ints] = [np.array([special.start]), left]
    parts = []
    at = 1 + len(left)
    for number, sentence, own_first, own_last, begin, size, _ in chosen:
        own = slice(own_first, own_last)
        ids.append(sentence.pieces[begin : begin + size])
        parts.append(
            Part(
                sentence=number,
                first_word=own_first,
                last_word=own_last,
                words=sentence.words[own],
                silent=sentence.silent[own],
                positions=at + np.clip(sentence.first_piece[own] - begin, 0, max(size - 1, 0)),
                begin=at,
                end=at + size,
                piece=begin,
                whole=(own_first, own_last) == (0, len(sentence.words)),
            )
        )
        at += size
    ids += [right, np.array([special.end])]
    return Window(np.concatenate(ids).astype(np.int64), tuple(parts))
