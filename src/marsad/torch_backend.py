"""The torch backend: runs a checkpoint behind the same reader as the ONNX one."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch

from marsad.model_folder import ModelFolder, read_settings
from marsad.modeling import MarsadModel, load_model
from marsad.text.batches import Batch

Floats = npt.NDArray[np.float32]


class TorchBackend:
    """Runs a model wherever its weights are, in fp32; while it learns in bf16, in that."""

    batch_tokens = 2048
    workers = 1  # torch shares a batch among the cores itself

    def __init__(self, model: MarsadModel) -> None:
        self.model = model

    def __call__(self, batch: Batch) -> Mapping[str, Floats]:
        """Return the logits of a batch, as :class:`marsad.reader.Backend` says."""
        device = next(self.model.parameters()).device
        training = self.model.training
        self.model.eval()
        with torch.inference_mode():
            logits = self.model(*(torch.from_numpy(array).to(device) for array in batch))
        self.model.train(training)
        return {name: value.float().cpu().numpy() for name, value in logits.items()}


def load_torch_backend(folder: ModelFolder) -> TorchBackend:
    """Load the checkpoint of a model folder behind the reader's interface."""
    return TorchBackend(load_model(folder, read_settings(folder)))
