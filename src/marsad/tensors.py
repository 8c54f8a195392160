"""Tensors on disk: safetensors files, written whole or not at all."""

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from marsad.files import atomic_path, system_errors

PYTORCH = {"format": "pt"}  # what transformers looks for in the metadata


def write_tensors(
    tensors: Mapping[str, Tensor], path: Path, *, metadata: Mapping[str, str] | None = None
) -> None:
    """Write named tensors and what is said of them.

    Raises:
        DataError: nothing can be written there.
        OSError: the disk is full or fails.
    """
    with atomic_path(path) as temporary, system_errors(path):
        save_file(dict(tensors), temporary, metadata=dict(metadata) if metadata else None)
