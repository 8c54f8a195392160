"""Encoder weights in eight bits: small enough to lie in a repository, exact enough to train from.

Each row of a matrix is whole numbers from -127 to 127 times a scale of its own, so that a piece
with a long vector does not cost the others their digits (row-wise symmetric quantisation). Vectors
(biases, norms) stay in fp32. The file is safetensors; a matrix ``x`` lies in it as ``x`` and
``x.scale``.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from marsad.errors import ModelError
from marsad.tensors import PYTORCH, write_tensors

FILE = "model.int8.safetensors"

_SCALE = ".scale"
_MOST = 127


def save_compact(weights: Mapping[str, Tensor], path: Path) -> None:
    """Write named weights, matrices in eight bits a value.

    Raises:
        DataError: nothing can be written there.
    """
    tensors: dict[str, Tensor] = {}
    for name, weight in weights.items():
        if weight.ndim == 2:
            tensors[name], tensors[name + _SCALE] = quantize_rows(weight)
        else:
            tensors[name] = weight.float().contiguous()
    write_tensors(tensors, path, metadata=PYTORCH)


def load_compact(path: Path) -> dict[str, Tensor]:
    """Read weights that :func:`save_compact` wrote, in fp32.

    Raises:
        ModelError: the file is damaged, or no such file.
    """
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"{path}: cannot be read ({reason}); take the folder anew") from None
    scales = {name: tensors.pop(name) for name in list(tensors) if name.endswith(_SCALE)}
    return {
        name: tensor.float() * scales[name + _SCALE][:, None] if name + _SCALE in scales else tensor
        for name, tensor in tensors.items()
    }


def quantize_rows(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return whole numbers (rows, columns), int8, and the scale of each row (rows,), fp32."""
    largest = matrix.float().abs().amax(dim=1)
    scale = torch.where(largest > 0, largest / _MOST, torch.ones_like(largest))
    return (matrix.float() / scale[:, None]).round().to(torch.int8), scale
