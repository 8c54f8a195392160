"""Tensors on disk: safetensors files, written whole or not at all."""

import errno
import os
import re
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from marsad.files import atomic_path

PYTORCH = {"format": "pt"}  # what transformers looks for in the metadata

_NUMBER = re.compile(r"\(os error (\d+)\)")


def write_tensors(
    tensors: Mapping[str, Tensor], path: Path, *, metadata: Mapping[str, str] | None = None
) -> None:
    """Write named tensors and what is said of them.

    Raises:
        DataError: nothing can be written there.
        OSError: the disk is full or fails; safetensors has an error of its own for that.
    """
    with atomic_path(path) as temporary:
        try:
            save_file(dict(tensors), temporary, metadata=dict(metadata) if metadata else None)
        except SafetensorError as error:
            found = _NUMBER.search(str(error))
            number = int(found.group(1)) if found else errno.EIO
            raise OSError(number, os.strerror(number), str(path)) from error
