"""Word dropout: some words of each step are hidden behind the mask token, their targets are not.

Bowman et al. 2016, "Generating Sentences from a Continuous Space", for labels: what a hidden word
is has to be told by its sentence, as it has to be for a name that training never showed.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class WordDropout:
    """Hides words of batches, each with the same probability, drawn anew for each batch."""

    def __init__(self, share: float, mask_id: int) -> None:
        """Hide ``share`` of the words by putting ``mask_id`` in place of all their pieces."""
        self.share, self.mask_id = share, mask_id

    def __call__(self, inputs: Mapping[str, Tensor | Any]) -> dict[str, Tensor | Any]:
        """Return a batch with other ``input_ids``, shape (rows, length).

        Args:
            inputs: batch whose ``words``, of the same shape, number the words from 1 in each row;
                pieces of word 0 are never hidden.
        """
        words = inputs["words"]
        hidden = torch.rand(len(words), int(words.max()) + 1, device=words.device) < self.share
        hidden[:, 0] = False
        ids = inputs["input_ids"].masked_fill(hidden.gather(1, words), self.mask_id)
        return {**inputs, "input_ids": ids}
