"""Blocks: text cut between words into as many pieces as an encoder is to read at once.

Paragraphs follow one another without regard to where articles end, so nearly nothing is filled up
(Liu et al. 2019, "RoBERTa: A Robustly Optimized BERT Pretraining Approach", "full sentences").
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
from tokenizers import Tokenizer

_WORD = re.compile(r"\S+")
_TOGETHER = 1024


def cut_blocks(paragraphs: Iterable[str], tokenizer: Tokenizer, max_tokens: int) -> Iterator[str]:
    """Yield texts of whole words that have at most ``max_tokens`` pieces with start and end.

    A word that alone has more is left out.
    """
    room = max_tokens - 2
    block: list[str] = []
    filled = 0
    for word, pieces in _words(paragraphs, tokenizer):
        if pieces > room:
            continue
        if filled + pieces > room:
            yield " ".join(block)
            block, filled = [], 0
        block.append(word)
        filled += pieces
    if block:
        yield " ".join(block)


def _words(paragraphs: Iterable[str], tokenizer: Tokenizer) -> Iterator[tuple[str, int]]:
    """Yield what stands between blanks, and its number of pieces."""
    rest = iter(paragraphs)
    while some := list(islice(rest, _TOGETHER)):
        encodings = tokenizer.encode_batch(some, add_special_tokens=False)
        for text, encoding in zip(some, encodings, strict=True):
            words = list(_WORD.finditer(text))
            starts = np.array([word.start() for word in words])
            pieces = np.array([start for start, _ in encoding.offsets], dtype=np.int64)
            owners = np.searchsorted(starts, pieces, side="right") - 1
            counts = np.bincount(np.maximum(owners, 0), minlength=len(words))
            yield from zip((word.group() for word in words), counts.tolist(), strict=True)
