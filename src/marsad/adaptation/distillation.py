"""Vectors for new pieces, learnt from the encoder whose pieces they replace.

Over the lowest layers the new pieces of a word shall give what its old pieces gave: the mean over
the word's pieces of the output of a layer. Every word teaches, where in masked language modelling
one in seven does, and nothing above that layer has to be run.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel

from marsad.adaptation.transfer import piece_vectors
from marsad.errors import ConfigError
from marsad.modeling import without_pooler

Ints = npt.NDArray[np.int64]


class VectorDistillation(nn.Module):
    """A teacher's lowest layers with its own pieces, and the same layers with new pieces.

    Only the vectors of new pieces learn; where layers may, those and nothing else do besides.
    """

    def __init__(
        self,
        teacher: PreTrainedModel,
        student: PreTrainedModel,
        layer: int,
        *,
        new: Tensor,
        layers_learn: bool,
    ) -> None:
        """Copy the lowest layers of both.

        Args:
            teacher: the encoder with its own pieces.
            student: the encoder with other pieces.
            layer: the layer whose output is compared.
            new: which of the student's pieces the teacher has not, (pieces,).
            layers_learn: whether the student's layers do, too.
        """
        super().__init__()
        self.teacher = lowest_layers(teacher, layer).requires_grad_(False)
        self.student = lowest_layers(student, layer).requires_grad_(layers_learn)
        self.student.embeddings.requires_grad_(False)
        vectors = piece_vectors(self.student).requires_grad_(True)
        vectors.register_hook(  # type: ignore[no-untyped-call]
            lambda gradient: gradient * new.to(gradient.device)[:, None]
        )
        self.train()

    def train(self, mode: bool = True) -> "VectorDistillation":
        """Keep dropout off: student and teacher shall agree on what is read, not on noise."""
        return super().train(False)

    def forward(
        self,
        teacher_ids: Tensor,
        teacher_mask: Tensor,
        teacher_words: Tensor,
        student_ids: Tensor,
        student_mask: Tensor,
        student_words: Tensor,
        student_positions: Tensor,
    ) -> dict[str, Tensor]:
        """Return the share of the teacher's variance over words that the student leaves.

        Args:
            teacher_ids: (rows, length), as are mask and words.
            teacher_mask: 1 for tokens, 0 for padding.
            teacher_words: the number, over all rows, of each token's word; -1 for none.
            student_ids: the same texts in the student's pieces, (rows, its length).
            student_mask: likewise.
            student_words: likewise.
            student_positions: where in the teacher's pieces each word begins, and on from there,
                so that what a layer says of places is the same on both sides.
        """
        words = int(max(teacher_words.max(), student_words.max())) + 1
        with torch.no_grad():
            taught = _run(self.teacher, teacher_ids, teacher_mask)
            wanted, known = word_means(taught, teacher_words, words)
        learnt = _run(self.student, student_ids, student_mask, student_positions)
        given, read = word_means(learnt, student_words, words)
        both = known & read
        wanted, given = wanted[both], given[both]
        spread = (wanted - wanted.mean(0)).square().sum()
        return {"loss": (wanted - given).square().sum() / spread}


def lowest_layers(model: PreTrainedModel, layer: int) -> PreTrainedModel:
    """Return a copy of an encoder that ends with a layer, counted from 1.

    Raises:
        ConfigError: the encoder has fewer layers, or keeps its vectors where BERT does not.
    """
    depth = model.config.num_hidden_layers
    if layer > depth:
        raise ConfigError(f"vectors.layer: {layer}, but the encoder has {depth} layers")
    config = type(model.config).from_dict({**model.config.to_dict(), "num_hidden_layers": layer})
    low = without_pooler(AutoModel.from_config(config))  # type: ignore[no-untyped-call]
    if not hasattr(low, "embeddings"):
        raise ConfigError("vectors: needs an encoder of BERT's kind; leave it out")
    weights = model.state_dict()
    low.load_state_dict({name: weights[name] for name in low.state_dict()})
    if not torch.cuda.is_available():
        low.set_attn_implementation("eager")  # its backward pass is faster on CPUs
    return low


def _run(
    model: PreTrainedModel, ids: Tensor, mask: Tensor, positions: Tensor | None = None
) -> Tensor:
    output = model(input_ids=ids, attention_mask=mask, position_ids=positions)
    hidden: Tensor = output.last_hidden_state
    return hidden


def word_means(hidden: Tensor, owners: Tensor, words: int) -> tuple[Tensor, Tensor]:
    """Return the mean over each word's tokens, (words, width), and which words have any, (words,).

    Args:
        hidden: (rows, length, width).
        owners: the number of each token's word, (rows, length); -1 for none.
        words: how many there are.
    """
    of_words = owners >= 0
    own, features = owners[of_words], hidden[of_words].float()
    sums = features.new_zeros(words, hidden.shape[-1]).index_add(0, own, features)
    counts = features.new_zeros(words).index_add(0, own, torch.ones_like(own, dtype=sums.dtype))
    return sums / counts.clamp(min=1)[:, None], counts > 0


class PairCollator:
    """Makes tensors of texts in the pieces of two tokenizers, aligned by what blanks part."""

    def __init__(self, teacher: Tokenizer, student: Tokenizer, pads: tuple[int, int]) -> None:
        self.teacher = teacher
        self.student = student
        self.pads = pads

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """Return what :class:`VectorDistillation` takes."""
        texts = [row["text"] for row in rows]
        taught = _encode(self.teacher, texts, self.pads[0])
        learnt = _encode(self.student, texts, self.pads[1])
        sides = {"teacher": taught, "student": learnt}
        tensors = {
            f"{side}_{name}": torch.from_numpy(value)
            for side, own in sides.items()
            for name, value in own._asdict().items()
        }
        return {**tensors, "student_positions": torch.from_numpy(_places(learnt, taught))}


class _Encoded(NamedTuple):
    """Texts in pieces: ids, mask, and the numbers of words; (texts, length) each."""

    ids: Ints
    mask: Ints
    words: Ints


def _encode(tokenizer: Tokenizer, texts: Sequence[str], pad: int) -> _Encoded:
    encodings = tokenizer.encode_batch(list(texts))
    shape = len(texts), max(len(encoding.ids) for encoding in encodings)
    ids, mask, words = np.full(shape, pad), np.zeros(shape, np.int64), np.full(shape, -1)
    first = 0
    for row, (text, encoding) in enumerate(zip(texts, encodings, strict=True)):
        size = len(encoding.ids)
        ids[row, :size], mask[row, :size] = encoding.ids, 1
        number = first + np.cumsum([letter == " " for letter in text])
        starts, ends = np.array(encoding.offsets).T
        words[row, :size] = np.where(ends > starts, number[np.maximum(ends, 1) - 1], -1)
        first = number[-1] + 1
    return _Encoded(ids, mask, words)


def _places(own: _Encoded, other: _Encoded) -> Ints:
    """Return positions of one side's tokens that put each word where it begins on the other side.

    What belongs to no word keeps its place, the last token that of the other side's.
    """
    count = int(max(own.words.max(), other.words.max())) + 1
    first = {side: np.full(count, -1) for side in ("own", "other")}
    for side, encoded in (("own", own), ("other", other)):
        rows, columns = np.nonzero(encoded.words >= 0)
        first[side][encoded.words[rows, columns][::-1]] = columns[::-1]
    places = np.broadcast_to(np.arange(own.ids.shape[1]), own.ids.shape).copy()
    of_words = (own.words >= 0) & (first["other"][own.words] >= 0)
    shift = (first["other"] - first["own"])[own.words]
    places[of_words] += shift[of_words]
    ends = np.arange(len(places)), own.mask.sum(1) - 1
    places[ends] = other.mask.sum(1) - 1
    return np.maximum(places, 0)
