"""Tracing: a torch model as an ONNX graph, and how far its answers then lie from the model's."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from marsad.jobs import WORD_HEADS
from marsad.model_folder import ModelSettings
from marsad.modeling import MarsadModel
from marsad.onnx_backend import OnnxBackend
from marsad.quiet import quiet
from marsad.text.batches import Batch, make_batch
from marsad.text.windows import SpecialIds
from marsad.torch_backend import TorchBackend


def write_onnx(model: MarsadModel, path: Path, *, opset: int) -> None:
    """Trace all heads into one graph with free batch size, length and number of sentences."""
    example = make_batch([[1] * 16, [1] * 12], [[(1, 8), (8, 15)]] * 2, SpecialIds(1, 1, 1))
    tensors = tuple(torch.from_numpy(array) for array in example)
    with torch.inference_mode():
        heads = tuple(model.eval()(*tensors))
    rows, length, sentences = (torch.export.Dim(n) for n in ("rows", "length", "sentences"))
    axes = ({0: rows, 1: length}, {0: rows, 1: length}, {0: rows, 1: sentences, 2: length})
    with quiet():
        program = torch.onnx.export(
            _Ordered(model, heads).eval(),
            tensors,
            input_names=list(Batch._fields),
            output_names=list(heads),
            dynamic_shapes=axes,
            opset_version=opset,
            dynamo=True,
            external_data=False,
        )
    assert program is not None
    program.save(path, external_data=False)


class _Ordered(torch.nn.Module):
    """The model with its logits as a tuple, which is what the exporter names outputs by."""

    def __init__(self, model: MarsadModel, heads: Sequence[str]) -> None:
        super().__init__()
        self.model = model
        self.heads = heads

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, sentence_mask: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        logits = self.model(input_ids, attention_mask, sentence_mask)
        return tuple(logits[head] for head in self.heads)


def max_difference(reference: TorchBackend, other: OnnxBackend, settings: ModelSettings) -> float:
    """Return the largest difference of any logit over batches of three shapes, without padding."""
    random = np.random.default_rng(0)
    vocabulary = reference.model.encoder.config.vocab_size
    largest = 0.0
    for rows, length in ((1, 4), (4, 33), (2, settings.max_tokens)):
        sizes = [length, *[length // 2] * (rows - 1)]
        ids = [random.integers(0, vocabulary, size) for size in sizes]
        batch = make_batch(ids, [[(0, 2), (2, size)] for size in sizes], settings.special)
        one, two = reference(batch), other(batch)
        for head, logits in one.items():
            gap = np.abs(logits - two[head])
            gap = gap[batch.attention_mask == 1] if head in WORD_HEADS else gap
            largest = max(largest, float(gap.max()))
    return largest
