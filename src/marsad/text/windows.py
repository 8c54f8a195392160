"""Windows: whole sentences packed into what an encoder reads at once.

Each sentence is tokenized once, on its own. A window is one or more sentences in order, between
the encoder's start and end tokens, so that sentences see their neighbours::

    <s> pieces of sentence 1, pieces of sentence 2 </s>

A sentence longer than a window is cut between words into parts that share some words as context;
every word belongs to exactly one part, nothing is left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from marsad.config import Pooling
from marsad.text.words import find_words

Ints = npt.NDArray[np.int64]


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
    ``first_piece`` gives the index of each word's first piece, and of the piece that stands for
    it where the tokenizer lost the word.
    """

    words: Ints
    pieces: Ints
    first_piece: Ints


@dataclass(frozen=True)
class Part:
    """A sentence, or a part of one, inside a window: the words it answers for, and where they are.

    It answers for ``[first_word, last_word)`` of the sentence. ``positions`` (one a word) are those
    of the words' first pieces; ``begin`` and ``end`` bound all its pieces, context included.
    """

    sentence: int
    first_word: int
    last_word: int
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
    text: str, sentences: Sequence[tuple[int, int]], tokenizer: Tokenizer
) -> list[TokenizedSentence]:
    """Tokenize sentences in one batch and align their pieces with words."""
    encodings = tokenizer.encode_batch([text[a:b] for a, b in sentences], add_special_tokens=False)
    return [
        _align(find_words(text[a:b]), a, encoding.ids, encoding.offsets)
        for (a, b), encoding in zip(sentences, encodings, strict=True)
    ]


def _align(
    words: Ints, shift: int, ids: list[int], offsets: list[tuple[int, int]]
) -> TokenizedSentence:
    """Find the first piece of each word by offsets: the first that ends after the word starts."""
    ends = np.array([end for _, end in offsets], dtype=np.int64)
    first_piece = np.searchsorted(ends, words[:, 0], side="right")
    first_piece = np.minimum(first_piece, max(len(ids) - 1, 0))
    return TokenizedSentence(words + shift, np.array(ids, dtype=np.int64), first_piece)


def pack_windows(
    sentences: Sequence[TokenizedSentence],
    special: SpecialIds,
    *,
    max_tokens: int,
    overlap: int,
    max_sentences: int,
) -> Iterator[Window]:
    """Pack tokenized sentences, in order, into windows of at most ``max_tokens`` pieces."""
    room = max_tokens - 2  # for the start and the end token
    chosen: list[_Piece] = []
    used = 0
    for index, sentence in enumerate(sentences):
        if len(sentence.pieces) > room:
            pieces = list(_cut(index, sentence, room, overlap))
        else:
            count = len(sentence.words)
            pieces = [_Piece(index, 0, count, 0, count)]
        for piece in pieces:
            size = _size(sentence, piece, room)
            if chosen and (used + size > room or len(chosen) == max_sentences):
                yield _build(sentences, chosen, special, room)
                chosen, used = [], 0
            chosen.append(piece)
            used += size
    if chosen:
        yield _build(sentences, chosen, special, room)


class _Piece(NamedTuple):
    """Words ``[first, last)`` of a sentence, answering for ``[own_first, own_last)`` of them."""

    sentence: int
    first: int
    last: int
    own_first: int
    own_last: int


def _bounds(sentence: TokenizedSentence) -> Ints:
    """Return where the pieces of each word begin, and where the last one's end."""
    bounds = np.append(sentence.first_piece, len(sentence.pieces))
    bounds[0] = 0
    return bounds


def _size(sentence: TokenizedSentence, piece: _Piece, room: int) -> int:
    bounds = _bounds(sentence)
    return min(int(bounds[piece.last] - bounds[piece.first]), room)


def _cut(index: int, sentence: TokenizedSentence, room: int, overlap: int) -> Iterator[_Piece]:
    """Cut a long sentence between words; neighbours share up to ``overlap`` words of context."""
    bounds, count = _bounds(sentence), len(sentence.words)
    first = own_first = 0
    while own_first < count:
        last = int(np.searchsorted(bounds, bounds[first] + room, side="right")) - 1
        last = min(max(last, own_first + 1), count)
        shared = min(overlap, (last - own_first) // 2) if last < count else 0
        own_last = last - shared // 2
        yield _Piece(index, first, last, own_first, own_last)
        first, own_first = own_last - shared // 2, own_last


def _build(
    sentences: Sequence[TokenizedSentence], chosen: Sequence[_Piece], special: SpecialIds, room: int
) -> Window:
    ids: list[Ints] = [np.array([special.start])]
    parts = []
    begin = 1
    for piece in chosen:
        sentence = sentences[piece.sentence]
        skipped = int(_bounds(sentence)[piece.first])
        size = _size(sentence, piece, room)  # one word may be longer than a window
        ids.append(sentence.pieces[skipped : skipped + size])
        starts = sentence.first_piece[piece.own_first : piece.own_last] - skipped
        parts.append(
            Part(
                sentence=piece.sentence,
                first_word=piece.own_first,
                last_word=piece.own_last,
                positions=begin + np.clip(starts, 0, max(size - 1, 0)),
                begin=begin,
                end=begin + size,
                whole=(piece.own_first, piece.own_last) == (0, len(sentence.words)),
            )
        )
        begin += size
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
