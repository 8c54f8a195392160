from pathlib import Path

import pytest
import torch

from marsad.encoders.compact import load_compact, quantize_rows, save_compact
from marsad.errors import ModelError


def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    rows = torch.randn(50, 32) * torch.logspace(-3, 3, 50)[:, None]
    rows[7] = 0
    return {"table.weight": rows, "norm.bias": torch.randn(32)}


def test_each_row_is_kept_to_half_of_its_own_step(tmp_path: Path):
    given = weights()
    save_compact(given, tmp_path / "w.safetensors")
    found = load_compact(tmp_path / "w.safetensors")
    assert found.keys() == given.keys()
    step = given["table.weight"].abs().amax(1, keepdim=True) / 127
    difference = (found["table.weight"] - given["table.weight"]).abs()
    assert (difference <= step * 0.5001).all()
    assert found["table.weight"].dtype is torch.float32
    assert torch.equal(found["norm.bias"], given["norm.bias"])


def test_what_was_read_is_written_again_to_the_same_bytes(tmp_path: Path):
    save_compact(weights(), tmp_path / "a")
    save_compact(load_compact(tmp_path / "a"), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_matrix_takes_a_byte_a_value(tmp_path: Path):
    save_compact({"x": torch.randn(1000, 384)}, tmp_path / "w")
    assert (tmp_path / "w").stat().st_size < 1000 * 384 * 1.02
    assert quantize_rows(torch.randn(3, 4))[0].dtype is torch.int8


@pytest.mark.parametrize("content", [None, b"", b"no such thing"])
def test_a_damaged_file_is_one_clear_line(tmp_path: Path, content: bytes | None):
    path = tmp_path / "w.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"w\.safetensors: cannot be read .*; take the folder"):
        load_compact(path)
