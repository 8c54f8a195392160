"""A running mean of the weights (EMA), scored and kept instead of the last ones.

Polyak & Juditsky 1992, "Acceleration of Stochastic Approximation by Averaging".
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from marsad.modeling import MarsadModel


class WeightAverage:
    """The exponential moving average of the parameters of a model that learn.

    It begins with the weights after the first step. The decay grows from 1/4 to the given one, so
    that the first weights, which know little, are soon forgotten.
    """

    def __init__(self, model: MarsadModel, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.mean: dict[str, Tensor] = {}

    @torch.no_grad()
    def update(self) -> None:
        """Take the parameters of now into the mean."""
        self.updates += 1
        if self.updates == 1:
            self.mean = {name: p.detach().clone() for name, p in self.parameters.items()}
            return
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        mean = list(self.mean.values())
        torch._foreach_lerp_(mean, list(self.parameters.values()), 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the model the mean inside the block."""
        own = {name: p.detach().clone() for name, p in self.parameters.items()}
        self._set(self.mean)
        try:
            yield
        finally:
            self._set(own)

    def state(self) -> dict[str, Tensor]:
        """Return what a checkpoint must hold."""
        return {**self.mean, "updates": torch.tensor(self.updates)}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from what :meth:`state` returned."""
        self.updates = int(state["updates"])
        self.mean = {name: state[name].to(p.device) for name, p in self.parameters.items()}

    @torch.no_grad()
    def _set(self, values: dict[str, Tensor]) -> None:
        for name, parameter in self.parameters.items():
            parameter.copy_(values[name])
