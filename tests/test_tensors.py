import resource
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from marsad.tensors import PYTORCH, write_tensors


def test_a_disk_that_has_no_room_is_an_error_of_the_system(tmp_path: Path):
    path = tmp_path / "a.safetensors"
    write_tensors({"x": torch.ones(3)}, path, metadata=PYTORCH)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_tensors({"x": torch.zeros(10_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert load_file(path)["x"].tolist() == [1, 1, 1]
    assert [*tmp_path.iterdir()] == [path]
