"""Adversarial training: the loss once more, a short step away in the direction that hurts most.

Miyato et al. 2017, "Adversarial Training Methods for Semi-Supervised Text Classification": the step
is taken in the vectors of the pieces, along the gradient, of one length for each window.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class Adversary:
    """Watches the piece vectors that go into an encoder, and may move them."""

    def __init__(self, embeddings: nn.Module, length: float) -> None:
        """Watch an embedding layer; ``length`` is that of the step, L2 over a window."""
        self.length = length
        self.vectors: list[Tensor] = []
        self.step: Tensor | None = None
        embeddings.register_forward_hook(self._hook)

    @contextmanager
    def attacking(self) -> Iterator[None]:
        """Move the vectors inside the block by the gradient of the passes before it."""
        gradients = [vectors.grad for vectors in self.vectors if vectors.grad is not None]
        assert gradients, "nothing was read, or no loss was taken back"
        gradient = torch.stack(gradients).sum(0)
        norm = gradient.flatten(1).norm(dim=1).clamp(min=1e-12)
        self.step = self.length * gradient / norm[:, None, None]
        try:
            yield
        finally:
            self.step, self.vectors = None, []

    def _hook(self, _: nn.Module, __: Any, output: Tensor) -> Tensor:  # noqa: ANN401
        if self.step is not None:
            return output + self.step
        if torch.is_grad_enabled() and not torch.is_inference(output):
            output = output if output.requires_grad else output.detach().requires_grad_()
            output.retain_grad()
            self.vectors.append(output)
        return output
