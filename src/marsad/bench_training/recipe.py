"""The settings in which the two recipes differ, as one line."""

from dataclasses import dataclass

BY_BATCH = "padded to a batch's longest row"


@dataclass(frozen=True)
class Recipe:
    """What to know of a training to judge its figures; the rest is in the settings of its outcome.

    ``padding`` is the rule in words. ``heads_first`` counts the epochs, before those in ``epochs``,
    in which the heads alone learn; ``lora`` is the rank of adapters, 0 without.
    """

    padding: str
    precision: str
    attention: str
    batch_size: int
    epochs: float
    learning_rate: float
    head_learning_rate: float
    frozen_layers: int = 0
    frozen_embeddings: bool = False
    heads_first: int = 0
    lora: int = 0

    def __str__(self) -> str:
        frozen = [f"{self.frozen_layers} layers"] if self.frozen_layers else []
        frozen += ["embeddings"] if self.frozen_embeddings else []
        parts = [
            self.padding,
            self.precision,
            f"{self.attention} attention",
            f"batches of {self.batch_size}",
            f"{self.epochs:g} epochs",
            f"learning rate {self.learning_rate:g} (heads {self.head_learning_rate:g})",
            f"frozen: {' and '.join(frozen) or 'nothing'}",
            f"heads first: {self.heads_first} epochs" if self.heads_first else "heads first: no",
        ]
        return ", ".join(parts + ([f"LoRA of rank {self.lora}"] if self.lora else []))
