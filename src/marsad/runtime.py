"""The runtime: a model folder read without torch, on onnxruntime, tokenizers, numpy and regex."""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from marsad.calibration import read_calibration
from marsad.errors import MissingExtraError, ModelError
from marsad.files import sha256
from marsad.model_folder import ModelFolder, read_settings
from marsad.reader import Backend, Reader
from marsad.text.batches import Batch

log = logging.getLogger(__name__)

Floats = npt.NDArray[np.float32]

PREFERENCE = ("onnx_int8", "onnx", "weights")


class OnnxBackend:
    """Runs an exported model on the CPU.

    One window at a time: as fast there as more, without padding, and an int8 answer, whose scales
    span a batch, cannot depend on what else is read.
    """

    batch_tokens = 0

    def __init__(self, path: Path) -> None:
        """Open an ONNX file.

        Raises:
            ModelError: onnxruntime cannot read it.
        """
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            self.session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's errors share no narrower base class
            reason = str(error).strip().split("\n")[0]
            raise ModelError(
                f"{path}: onnxruntime cannot read it ({reason}); export anew"
            ) from None
        self.inputs = [value.name for value in self.session.get_inputs()]
        self.outputs = [value.name for value in self.session.get_outputs()]

    def __call__(self, batch: Batch) -> Mapping[str, Floats]:
        """Return the logits of a batch, as :class:`marsad.reader.Backend` says."""
        feeds = {name: getattr(batch, name) for name in self.inputs}
        return dict(zip(self.outputs, self.session.run(self.outputs, feeds), strict=True))


def load(path: str | Path, *, file: str | None = None, abstain: float | None = None) -> Reader:
    """Load a model folder for reading.

    Args:
        path: the model folder.
        file: ``onnx_int8``, ``onnx`` or ``weights``; by default the first that the folder has.
            The reader's ``source`` says which was taken. ``weights`` needs torch.
        abstain: probability below which mentions and events are withheld; by default what the
            model's ``calibration.json`` says.

    Raises:
        ConfigError: ``abstain`` is no probability.
        ModelError: there is no usable model in the folder, or a file fails its checksum.
    """
    folder = ModelFolder(Path(path))
    reader = open_reader(folder, file=file)
    folder.verify("calibration")
    return reader.calibrated(read_calibration(folder, reader.role).abstaining(abstain))


def open_reader(folder: ModelFolder, *, file: str | None = None) -> Reader:
    """Load a model folder without its calibration; see :func:`load`."""
    settings = read_settings(folder)
    present = [role for role in PREFERENCE if folder[role].exists()]
    if file is not None and file not in PREFERENCE:
        raise ModelError(f"model file {file!r}: unknown; known are {', '.join(PREFERENCE)}")
    if file is None and not present:
        raise ModelError(f"{folder.path}: no model file in this folder; train or export it")
    role = file or present[0]
    folder.require(role, "export it with `marsad export`")
    folder.verify("config", "labels", "tokenizer", role)
    tokenizer = read_tokenizer(folder.require("tokenizer", "take the folder anew"))
    backend = _backend(folder, role)
    log.info("reading with %s", folder[role].name)
    return Reader(
        tokenizer,
        settings,
        backend,
        role=role,
        source=folder[role].name,
        digest=sha256(folder[role])[:16],
    )


def read_tokenizer(path: Path) -> Tokenizer:
    """Read ``tokenizer.json`` and switch its own truncation and padding off."""
    try:
        tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the Rust errors are plain Exceptions
        raise ModelError(f"{path}: not a tokenizer ({error}); take the folder anew") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _backend(folder: ModelFolder, role: str) -> Backend:
    if role != "weights":
        return OnnxBackend(folder[role])
    try:
        from marsad.torch_backend import load_torch_backend
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "torch", "train") from None
    return load_torch_backend(folder)
