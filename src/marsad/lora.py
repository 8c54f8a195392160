"""Low-rank adapters: the encoder's own weights stay, small matrices beside them learn.

Hu et al. 2022, "LoRA: Low-Rank Adaptation of Large Language Models", by the package peft.
"""

from typing import Any

from marsad.errors import MissingExtraError
from marsad.modeling import MarsadModel
from marsad.sections import Lora


def add_adapters(model: MarsadModel, options: Lora) -> None:
    """Put adapters beside the linear layers of a model's encoder; they alone learn in it.

    Raises:
        MissingExtraError: peft is not installed.
    """
    try:
        import peft
    except ModuleNotFoundError:
        raise MissingExtraError("peft", "peft") from None
    library: Any = peft  # takes more than its annotations say
    adapters = library.LoraConfig(
        r=options.rank,
        lora_alpha=options.alpha,
        lora_dropout=options.dropout,
        target_modules="all-linear",
    )
    model.encoder = library.get_peft_model(model.encoder, adapters)


def merge_adapters(model: MarsadModel) -> None:
    """Add the adapters, where there are any, to the weights that they stand beside."""
    encoder: Any = model.encoder
    if hasattr(encoder, "merge_and_unload"):
        model.encoder = encoder.merge_and_unload()
