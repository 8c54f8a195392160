"""The optimizer: AdamW with a learning rate for the heads and one for each encoder layer."""

import re
from collections import defaultdict
from collections.abc import Mapping

import torch
from torch import nn

from marsad.errors import ConfigError
from marsad.modeling import MarsadModel
from marsad.sections import TrainConfig

_LAYER = re.compile(r"\.layers?\.(\d+)\.")
_ENCODER = "encoder."


def freeze(model: MarsadModel, options: TrainConfig) -> None:
    """Keep the encoder's piece vectors and lowest layers as they are, where the options say so.

    Raises:
        ConfigError: layers shall be kept that the encoder has not, or not where BERT has them.
    """
    if options.freeze_embeddings:
        model.encoder.get_input_embeddings().requires_grad_(False)
    depth = _depth(model)
    if options.freeze_layers > depth:
        raise ConfigError(
            f"train.freeze_layers: {options.freeze_layers}, but the encoder has {depth} "
            "layers that can be kept; give at most that"
        )
    for name, parameter in model.named_parameters():
        layer = _layer_of(name)
        if layer is not None and layer < options.freeze_layers:
            parameter.requires_grad_(False)


def build_optimizer(model: MarsadModel, options: TrainConfig) -> torch.optim.Optimizer:
    """Return AdamW over what may move; the matrices of linear layers and embeddings are decayed.

    Biases and norms are not, nor are the transitions of a CRF, which are biases of pairs of tags.

    The encoder's last layer learns at ``learning_rate``, each one below at ``layer_decay`` times
    the rate of the one above, the embeddings as a layer under the lowest (Howard & Ruder 2018,
    "Universal Language Model Fine-tuning for Text Classification", discriminative fine-tuning).
    What some encoders have above their last layer learns as that does.
    """
    depth = _depth(model)
    groups: Mapping[tuple[float, float], list[nn.Parameter]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            matrix = parameter.ndim > 1 and name.endswith("weight")
            decay = options.weight_decay if matrix else 0.0
            groups[_rate(name, depth, options), decay].append(parameter)
    return torch.optim.AdamW(
        [{"params": p, "lr": rate, "weight_decay": decay} for (rate, decay), p in groups.items()],
        fused=True,
    )


def _rate(name: str, depth: int, options: TrainConfig) -> float:
    if not name.startswith(_ENCODER):
        return options.head_learning_rate
    layer = _layer_of(name)
    if layer is None:
        layer = -1 if "embed" in name else depth - 1
    return options.learning_rate * options.layer_decay ** (depth - 1 - layer)


def _layer_of(name: str) -> int | None:
    """Return the number of the encoder layer that a parameter is of, None outside the layers."""
    found = _LAYER.search(name) if name.startswith(_ENCODER) else None
    return int(found[1]) if found else None


def _depth(model: MarsadModel) -> int:
    layers = (_layer_of(name) for name, _ in model.named_parameters())
    return max((layer + 1 for layer in layers if layer is not None), default=0)
