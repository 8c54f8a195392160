"""An encoder with another vocabulary: each new piece begins as the mean of its old pieces.

Gee et al. 2022, "Fast Vocabulary Transfer for Language Model Compression".
"""

from copy import deepcopy

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from marsad.adaptation.vocabulary import WORD_START
from marsad.encoders.loading import Encoder


def with_vocabulary(base: Encoder, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    """Return the encoder with the pieces of another tokenizer; the base stays as it is."""
    vectors = initial_vectors(base, tokenizer)
    model = deepcopy(base.model)
    model.resize_token_embeddings(len(vectors), mean_resizing=False)
    piece_vectors(model).data.copy_(vectors)
    for name in ("pad_token_id", "bos_token_id", "eos_token_id"):
        setattr(model.config, name, getattr(tokenizer, name))
    return model


def initial_vectors(base: Encoder, tokenizer: PreTrainedTokenizerBase) -> Tensor:
    """Return a vector for each piece of the tokenizer, (pieces, width).

    A piece that the base has keeps its vector.
    """
    old = piece_vectors(base.model).detach()
    known = base.tokenizer.get_vocab()
    vectors = old.new_empty(len(tokenizer), old.shape[1])
    for piece, number in tokenizer.get_vocab().items():
        ids = [known[piece]] if piece in known else _old_pieces(piece, base)
        vectors[number] = old[torch.tensor(ids)].mean(0)
    return vectors


def piece_vectors(model: PreTrainedModel) -> Tensor:
    """Return the vectors of an encoder's pieces, (pieces, width)."""
    table = model.get_input_embeddings()
    assert isinstance(table, nn.Embedding)
    return table.weight


def new_pieces(base: Encoder, tokenizer: PreTrainedTokenizerBase) -> Tensor:
    """Return which pieces of the tokenizer the base has not, (pieces,)."""
    known = base.tokenizer.get_vocab()
    new = torch.zeros(len(tokenizer), dtype=torch.bool)
    for piece, number in tokenizer.get_vocab().items():
        new[number] = piece not in known
    return new


def _old_pieces(piece: str, base: Encoder) -> list[int]:
    """Return the ids of the base's pieces for a word that is a piece."""
    word = piece.removeprefix(WORD_START)
    ids: list[int] = base.tokenizer.backend_tokenizer.encode(word, add_special_tokens=False).ids
    return ids
