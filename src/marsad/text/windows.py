"""Windows: whole sentences packed into what an encoder reads at once.

Each sentence is tokenized once, on its own. A window is one or more sentences in order, between
the encoder's start and end tokens, so that sentences see their neighbours::

    <s> pieces of sentence 1, pieces of sentence 2 </s>

A sentence longer than a window is cut between words into parts that share some words as context;
every word belongs to exactly one part, nothing is left out.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

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
    ``end`` bound all its pieces, context included.
    """

    sentence: int
    first_word: int
    last_word: int
    words: Ints
    silent: Bools
    positions: Ints
    begin: int
    end: int
    whole: bool


@dataclass(frozen=True)
class Window:
    """Token ids for the encoder, and the parts of sentences that they hold."""

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
) -> Iterator[Window]:
    """Pack tokenized sentences, in order, into windows of at most ``max_tokens`` pieces.

    Sentences are taken one by one as windows are asked for. One without words is in no window.
    """
    room = max_tokens - 2  # for the start and the end token
    chosen: list[_Piece] = []
    used = 0
    for index, sentence in enumerate(sentences):
        for piece in _cut(index, sentence, room, overlap):
            if chosen and (used + piece.size > room or len(chosen) == max_sentences):
                yield _build(chosen, special)
                chosen, used = [], 0
            chosen.append(piece)
            used += piece.size
    if chosen:
        yield _build(chosen, special)


class _Piece(NamedTuple):
    """Words ``[first, last)`` of a sentence, answering for ``[own_first, own_last)`` of them.

    Their pieces are ``[begin, begin + size)`` of the sentence's.
    """

    number: int
    sentence: TokenizedSentence
    own_first: int
    own_last: int
    begin: int
    size: int


def _cut(index: int, sentence: TokenizedSentence, room: int, overlap: int) -> Iterator[_Piece]:
    """Cut a sentence between words where it is too long for a window.

    Neighbours share up to ``overlap`` words of context. One word may be longer than a window: it is
    read by its beginning.
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
        yield _Piece(index, sentence, own_first, own_last, begin, size)
        first, own_first = own_last - shared // 2, own_last


def _build(chosen: Sequence[_Piece], special: SpecialIds) -> Window:
    ids: list[Ints] = [np.array([special.start])]
    parts = []
    at = 1
    for number, sentence, own_first, own_last, begin, size in chosen:
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
                whole=(own_first, own_last) == (0, len(sentence.words)),
            )
        )
        at += size
    ids.append(np.array([special.end]))
    return Window(np.concatenate(ids).astype(np.int64), tuple(parts))


class Batch(NamedTuple):
    """Windows of one length, as a model takes them.

    ``input_ids`` and ``attention_mask`` have shape (rows, length); ``sentence_mask`` (rows,
    sentences, length) is 1 where the event head may look for a sentence.
    """

    input_ids: Ints
    attention_mask: Ints
    sentence_mask: npt.NDArray[np.float32]


def make_batch(
    ids: Sequence[npt.ArrayLike], spans: Sequence[Sequence[tuple[int, int]]], special: SpecialIds
) -> Batch:
    """Pad windows to the longest.

    Args:
        ids: token ids of each window.
        spans: of each window, the token ranges that the event head reads, one a sentence.
        special: names the padding token.
    """
    rows = [np.asarray(row, dtype=np.int64) for row in ids]
    lengths = np.array([len(row) for row in rows])
    mask = (np.arange(lengths.max()) < lengths[:, None]).astype(np.int64)
    padded = np.full(mask.shape, special.pad, dtype=np.int64)
    padded[mask == 1] = np.concatenate(rows)
    most = max(map(len, spans))
    sentences = np.zeros((len(rows), most, mask.shape[1]), dtype=np.float32)
    for row, own in enumerate(spans):
        for column, (begin, end) in enumerate(own):
            sentences[row, column, begin:end] = 1
    return Batch(padded, mask, sentences)
