"""Batches: windows padded to one length, as a model takes them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from marsad.text.windows import SpecialIds

Ints = npt.NDArray[np.int64]


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
