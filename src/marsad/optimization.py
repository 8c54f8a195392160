"""The optimizer: AdamW with a learning rate for the heads and one for each encoder layer."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import nn

from marsad.errors import ConfigError
from marsad.modeling import MarsadModel
from marsad.sections import TrainConfig

_LAYER = re.compile(r"\.layers?\.(\d+)\.")
_ENCODER = "encoder."


def freeze(model: MarsadModel, options: TrainConfig) -> None:
    """Keep the encoder's piece vectors and lowest layers as they are, where the options say so.

    Under kept layers all embeddings are kept too, so that nothing is taken back through them.

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
        if options.freeze_layers and _height(name, depth) < options.freeze_layers:
            parameter.requires_grad_(False)


def build_optimizer(model: MarsadModel, options: TrainConfig) -> torch.optim.Optimizer:
    """Return AdamW over what may move; the matrices of linear layers and embeddings are decayed.

    Biases and norms are not, nor are the transitions of a CRF, which are biases of pairs of tags.

    The encoder's last layer learns at ``learning_rate``, each one below at ``layer_decay`` times
    the rate of the one above, the embeddings as a layer under the lowest (Howard & Ruder 2018,
    "Universal Language Model Fine-tuning for Text Classification", discriminative fine-tuning).
    What some encoders have above their last layer learns as that does.

    Raises:
        ConfigError: rates shall fall by layers that the encoder has not where BERT has them.
    """
    depth = _depth(model)
    if options.layer_decay < 1 and not depth:
        raise ConfigError("train.layer_decay: the encoder has no layers where BERT has them; set 1")

    def rate(name: str) -> float:
        height = _height(name, depth)
        if height == depth:
            return options.head_learning_rate
        return options.learning_rate * options.layer_decay ** (depth - 1 - height)

    moving = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    return adamw(moving, rate, options.weight_decay)


def adamw(
    parameters: Iterable[tuple[str, nn.Parameter]],
    rate: Callable[[str], float],
    weight_decay: float,
) -> torch.optim.Optimizer:
    """Return AdamW over named parameters; only matrices of layers and embeddings are decayed."""
    groups: Mapping[tuple[float, float], list[nn.Parameter]] = defaultdict(list)
    for name, parameter in parameters:
        matrix = parameter.ndim > 1 and name.endswith("weight")
        groups[rate(name), weight_decay if matrix else 0.0].append(parameter)
    return torch.optim.AdamW(
        [{"params": p, "lr": rate, "weight_decay": decay} for (rate, decay), p in groups.items()],
        fused=True,
    )


def _height(name: str, depth: int) -> int:
    """Return the encoder layer that a parameter is of: -1 for embeddings, the depth for heads.

    What some encoders have above their last layer counts as of that.
    """
    if not name.startswith(_ENCODER):
        return depth
    if found := _LAYER.search(name):
        return int(found[1])
    return -1 if "embed" in name else depth - 1


def _depth(model: MarsadModel) -> int:
    """Return how many numbered layers the encoder has."""
    names = (name for name, _ in model.named_parameters() if name.startswith(_ENCODER))
    return max((int(found[1]) + 1 for name in names if (found := _LAYER.search(name))), default=0)
