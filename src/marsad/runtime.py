"""The runtime: a model folder read without torch, on onnxruntime, tokenizers, numpy and regex."""

import logging
from pathlib import Path

from tokenizers import Tokenizer

from marsad.calibration import read_calibration
from marsad.errors import MissingExtraError, ModelError
from marsad.files import sha256
from marsad.model_folder import ModelFolder, read_settings
from marsad.onnx_backend import CPU, Execution, OnnxBackend
from marsad.reader import Backend, Reader

log = logging.getLogger(__name__)

PREFERENCE = ("onnx_int8", "onnx", "weights", "onnx_fp16")


def load(
    path: str | Path,
    *,
    file: str | None = None,
    abstain: float | None = None,
    threads: int = 1,
    provider: str = CPU,
    cores: int | None = None,
) -> Reader:
    """Load a model folder for reading.

    Args:
        path: the model folder.
        file: ``onnx_int8``, ``onnx``, ``weights`` or ``onnx_fp16``; by default the first that the
            folder has. The reader's ``source`` says which was taken. ``weights`` needs torch.
        abstain: probability below which mentions and events are withheld; by default what the
            model's ``calibration.json`` says.
        threads: how many cores share a window, see :class:`marsad.onnx_backend.Execution`.
        provider: what onnxruntime computes on, likewise.
        cores: how many it may use, likewise.

    Raises:
        ConfigError: ``abstain`` is no probability; threads or provider cannot be had.
        ModelError: there is no usable model in the folder, or a file fails its checksum.
    """
    folder = ModelFolder(Path(path))
    reader = open_reader(folder, file=file, execution=Execution(threads, provider, cores))
    folder.verify("calibration")
    return reader.calibrated(read_calibration(folder, reader.role).abstaining(abstain))


def open_reader(
    folder: ModelFolder, *, file: str | None = None, execution: Execution | None = None
) -> Reader:
    """Load a model folder without its calibration; see :func:`load`."""
    settings = read_settings(folder)
    role = choose_file(folder, file)
    apart = ["heads"] if role == "weights" else []
    folder.verify("config", "labels", "tokenizer", role, *apart)
    tokenizer = read_tokenizer(folder.require("tokenizer", "take the folder anew"))
    backend = _backend(folder, role, execution)
    log.info("reading with %s", folder[role].name)
    return Reader(
        tokenizer,
        settings,
        backend,
        role=role,
        source=folder[role].name,
        digest=sha256(folder[role])[:16],
    )


def choose_file(folder: ModelFolder, file: str | None = None) -> str:
    """Return the role of the file that is read: the one that is asked for, or the fastest.

    Raises:
        ModelError: it does not exist, or no file that could be read does.
    """
    present = [role for role in PREFERENCE if folder[role].exists()]
    if file is not None and file not in PREFERENCE:
        raise ModelError(f"model file {file!r}: unknown; known are {', '.join(PREFERENCE)}")
    if file is None and not present:
        raise ModelError(f"{folder.path}: no model file in this folder; train or export it")
    role = file or present[0]
    folder.require(role, "export it with `marsad export`")
    return role


def read_tokenizer(path: Path) -> Tokenizer:
    """Read ``tokenizer.json`` and switch its own truncation and padding off."""
    try:
        tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the Rust errors are plain Exceptions
        raise ModelError(f"{path}: not a tokenizer ({error}); take the folder anew") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _backend(folder: ModelFolder, role: str, execution: Execution | None) -> Backend:
    if role != "weights":
        return OnnxBackend(folder[role], execution)
    try:
        from marsad.torch_backend import load_torch_backend
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "torch", "train") from None
    return load_torch_backend(folder)
