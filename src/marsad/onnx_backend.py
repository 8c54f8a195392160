"""The ONNX backend: runs an exported model behind the reader, without torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from marsad.cores import available_cores
from marsad.errors import ConfigError, ModelError, did_you_mean
from marsad.text.batches import Batch

Floats = npt.NDArray[np.float32]

CPU = "CPU"
_PROVIDER = "ExecutionProvider"  # ends onnxruntime's names
_DEVICE_TOKENS = 8192  # at a time, where not the CPU computes

# onnxruntime's fused kernel of these two steps takes longer than the two on their own.
_SLOWER_FUSED = ["SkipLayerNormFusion"]


@dataclass(frozen=True)
class Execution:
    """How an exported model is run.

    ``threads`` are the cores that share a window of about a hundred words, while the others read
    other windows: 1 reads most in a given time, all cores answer a single short text soonest.
    ``provider`` is one of onnxruntime's, without "ExecutionProvider": ``CPU``, ``CUDA``,
    ``OpenVINO``, ``Tensorrt`` and so on, as the installed onnxruntime has them. ``cores`` are those
    that may be used; None for all that this process has.
    """

    threads: int = 1
    provider: str = CPU
    cores: int | None = None

    def check(self) -> None:
        """Check that it can be had.

        Raises:
            ConfigError: it cannot.
        """
        if self.threads < 1:
            raise ConfigError(f"threads={self.threads}: name how many cores share a window")
        known = [name.removesuffix(_PROVIDER) for name in onnxruntime.get_available_providers()]
        if self.provider not in known:
            raise ConfigError(
                f"provider {self.provider!r}: this onnxruntime has {', '.join(known)}"
                f"{did_you_mean(self.provider, known)}; others come with packages of its own, "
                "such as onnxruntime-gpu or onnxruntime-openvino"
            )


class OnnxBackend:
    """Runs an exported model.

    On a CPU a window has no padding and no company: an int8 answer, whose scales span a batch,
    cannot depend on what else is read. Cores are kept busy by as many windows at a time.
    """

    def __init__(self, path: Path, execution: Execution | None = None) -> None:
        """Open an ONNX file.

        Raises:
            ConfigError: it cannot be run so.
            ModelError: onnxruntime cannot read it.
        """
        how = execution or Execution()
        how.check()
        alone = how.provider == CPU
        self.batch_tokens = 0 if alone else _DEVICE_TOKENS
        self.workers = max(1, (how.cores or available_cores()) // how.threads) if alone else 1
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = how.threads
        try:
            self.session = onnxruntime.InferenceSession(
                str(path),
                options,
                providers=list(dict.fromkeys(name + _PROVIDER for name in (how.provider, CPU))),
                disabled_optimizers=_SLOWER_FUSED,
            )
        except Exception as error:  # onnxruntime's errors share no narrower base class
            reason = str(error).strip().split("\n")[0]
            remedy = "export anew" if alone else f"for {how.provider}, export with --opset 20"
            raise ModelError(f"{path}: onnxruntime cannot read it ({reason}); {remedy}") from None
        self.inputs = [value.name for value in self.session.get_inputs()]
        self.outputs = [value.name for value in self.session.get_outputs()]

    def __call__(self, batch: Batch) -> Mapping[str, Floats]:
        """Return the logits of a batch, as :class:`marsad.reader.Backend` says."""
        feeds = {name: getattr(batch, name) for name in self.inputs}
        return dict(zip(self.outputs, self.session.run(self.outputs, feeds), strict=True))
