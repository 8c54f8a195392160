"""The runtime: a model folder read without torch, on onnxruntime, tokenizers, numpy and regex."""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from marsad.calibration import read_calibration
from marsad.cores import available_cores
from marsad.errors import ConfigError, MissingExtraError, ModelError
from marsad.files import sha256
from marsad.model_folder import ModelFolder, read_settings
from marsad.reader import Backend, Reader
from marsad.text.batches import Batch

log = logging.getLogger(__name__)

Floats = npt.NDArray[np.float32]

PREFERENCE = ("onnx_int8", "onnx", "weights")


# onnxruntime's fused kernel of these two steps takes longer than the two on their own.
SLOWER_FUSED = ["SkipLayerNormFusion"]


class OnnxBackend:
    """Runs an exported model on the CPU.

    A window has no padding and no company: an int8 answer, whose scales span a batch, cannot
    depend on what else is read. Cores are kept busy by as many windows at a time.
    """

    batch_tokens = 0

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Open an ONNX file; ``threads`` cores share a window.

        Raises:
            ModelError: onnxruntime cannot read it.
        """
        self.workers = max(1, available_cores() // threads)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads
        try:
            self.session = onnxruntime.InferenceSession(
                str(path),
                options,
                providers=["CPUExecutionProvider"],
                disabled_optimizers=SLOWER_FUSED,
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


def load(
    path: str | Path, *, file: str | None = None, abstain: float | None = None, threads: int = 1
) -> Reader:
    """Load a model folder for reading.

    Args:
        path: the model folder.
        file: ``onnx_int8``, ``onnx`` or ``weights``; by default the first that the folder has.
            The reader's ``source`` says which was taken. ``weights`` needs torch.
        abstain: probability below which mentions and events are withheld; by default what the
            model's ``calibration.json`` says.
        threads: cores that share a window of about a hundred words; the others read other windows.
            1 reads most in a given time; all cores answer a single short text soonest.

    Raises:
        ConfigError: ``abstain`` is no probability, or ``threads`` no number of cores.
        ModelError: there is no usable model in the folder, or a file fails its checksum.
    """
    if threads < 1:
        raise ConfigError(f"threads={threads}: name the number of cores that share a window")
    folder = ModelFolder(Path(path))
    reader = open_reader(folder, file=file, threads=threads)
    folder.verify("calibration")
    return reader.calibrated(read_calibration(folder, reader.role).abstaining(abstain))


def open_reader(folder: ModelFolder, *, file: str | None = None, threads: int = 1) -> Reader:
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
    backend = _backend(folder, role, threads)
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


def _backend(folder: ModelFolder, role: str, threads: int) -> Backend:
    if role != "weights":
        return OnnxBackend(folder[role], threads=threads)
    try:
        from marsad.torch_backend import load_torch_backend
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "torch", "train") from None
    return load_torch_backend(folder)
