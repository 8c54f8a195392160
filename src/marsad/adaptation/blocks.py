"""Blocks: text cut between words into as many pieces as an encoder is to read at once.

Paragraphs follow one another without regard to where articles end, so nearly nothing is filled up
(Liu et al. 2019, "RoBERTa: A Robustly Optimized BERT Pretraining Approach", "full sentences").
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt
from tokenizers import Encoding, Tokenizer

_WORD = re.compile(r"\S+")
_TOGETHER = 1024

Ints = npt.NDArray[np.int64]


def cut_blocks(
    paragraphs: Iterable[str], tokenizers: Sequence[Tokenizer], max_tokens: int
) -> Iterator[str]:
    """Yield texts of whole words that have at most ``max_tokens`` pieces with start and end.

    They have no more by any of the tokenizers. A word that alone has more is left out.
    """
    room = max_tokens - 2
    block: list[str] = []
    filled = 0
    for word, pieces in _words(paragraphs, tokenizers):
        if pieces > room:
            continue
        if filled + pieces > room:
            yield " ".join(block)
            block, filled = [], 0
        block.append(word)
        filled += pieces
    if block:
        yield " ".join(block)


def _words(paragraphs: Iterable[str], tokenizers: Sequence[Tokenizer]) -> Iterator[tuple[str, int]]:
    """Yield what stands between blanks, and its number of pieces, the largest of the tokenizers."""
    rest = iter(paragraphs)
    while some := list(islice(rest, _TOGETHER)):
        sides = [own.encode_batch(some, add_special_tokens=False) for own in tokenizers]
        for text, *encodings in zip(some, *sides, strict=True):
            words = list(_WORD.finditer(text))
            ends = np.array([word.end() for word in words])
            counts = np.max([_pieces_of(ends, encoding) for encoding in encodings], axis=0)
            yield from zip((word.group() for word in words), counts.tolist(), strict=True)


def _pieces_of(ends: Ints, encoding: Encoding) -> Ints:
    """Return the number of pieces of each word, by where the words end.

    A piece belongs to the word that its last letter stands in: SentencePiece's begin at the blank
    before their word. One that is nothing but a blank belongs to the word behind it.
    """
    last = np.array([end - 1 for _, end in encoding.offsets], dtype=np.int64)
    owners = np.searchsorted(ends, last, side="right").clip(max=len(ends) - 1)
    return np.bincount(owners, minlength=len(ends))
