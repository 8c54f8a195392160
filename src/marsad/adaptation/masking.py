"""Masked language modelling with whole words masked.

Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional Transformers for Language
Understanding"; whole words as in its later release and in Cui et al. 2021, "Pre-Training With Whole
Word Masking for Chinese BERT". Of the chosen words eight in ten become masks, one in ten other
pieces, one in ten stays.
"""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from tokenizers import Encoding
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from marsad.adaptation.transfer import piece_vectors
from marsad.losses import IGNORED

_MASKED, _OTHER = 0.8, 0.9  # bounds of a uniform draw: masked, another piece, itself


class MaskedWords(nn.Module):
    """An encoder with a head that names the pieces under the masks.

    The head's last matrix is the encoder's own table of vectors. It names only what is asked, so
    that its cost does not grow with the pieces that are not masked.
    """

    def __init__(self, encoder: PreTrainedModel) -> None:
        super().__init__()
        width, pieces = encoder.config.hidden_size, encoder.config.vocab_size
        self.encoder = encoder
        self.dense = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(pieces))
        nn.init.normal_(self.dense.weight, std=0.02)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor
    ) -> dict[str, Tensor]:
        """Return the mean cross-entropy, in nats, of the pieces that are asked.

        Args:
            input_ids: (rows, length), some of them masks.
            attention_mask: likewise, 0 for padding.
            labels: the piece where it is asked, elsewhere IGNORED.
        """
        output = self.encoder(input_ids=input_ids, attention_mask=attention_mask)
        asked = labels != IGNORED
        hidden = nn.functional.gelu(self.dense(output.last_hidden_state[asked]))
        logits = self.norm(hidden) @ piece_vectors(self.encoder).T + self.bias
        return {"loss": nn.functional.cross_entropy(logits.float(), labels[asked])}


class MaskCollator:
    """Masks words of texts and makes tensors of them.

    What is masked depends on the text, the seed and ``epoch`` alone: not on what was drawn before,
    which a run that goes on could not draw again.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, share: float, *, seed: int) -> None:
        self.tokenizer = tokenizer
        self.share = share
        self.seed = seed
        self.epoch = 0

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """Return what :class:`MaskedWords` takes."""
        texts = [row["text"] for row in rows]
        encodings = self.tokenizer.backend_tokenizer.encode_batch(texts)
        masked = [self._mask(*pair) for pair in zip(texts, encodings, strict=True)]
        ids, labels = zip(*masked, strict=True)
        pad = int(self.tokenizer.pad_token_id)
        return {
            "input_ids": pad_sequence(list(ids), batch_first=True, padding_value=pad),
            "attention_mask": pad_sequence([torch.ones_like(i) for i in ids], batch_first=True),
            "labels": pad_sequence(list(labels), batch_first=True, padding_value=IGNORED),
        }

    def _mask(self, text: str, encoding: Encoding) -> tuple[Tensor, Tensor]:
        """Return ids with words masked, and the pieces that were there; shapes (length,)."""
        chance = torch.Generator().manual_seed(
            zlib.crc32(f"{self.seed}:{self.epoch}:{text}".encode("utf-8", "surrogatepass"))
        )
        ids = torch.tensor(encoding.ids)
        words = torch.tensor([-1 if word is None else word for word in encoding.word_ids])
        count = int(words.max()) + 1
        fates = torch.rand(count, generator=chance)
        chosen = torch.rand(count, generator=chance) < self.share
        chosen[torch.randint(count, (1,), generator=chance)] = True  # one at the least
        others = torch.randint(len(self.tokenizer), ids.shape, generator=chance)
        own = words.clamp(min=0)
        asked, fate = chosen[own] & (words >= 0), fates[own]
        mask = torch.full_like(ids, int(self.tokenizer.mask_token_id))
        seen = torch.where(fate < _MASKED, mask, torch.where(fate < _OTHER, others, ids))
        return torch.where(asked, seen, ids), torch.where(asked, ids, IGNORED)
