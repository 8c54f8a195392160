"""Heads first: they learn from the still encoder's features before the encoder moves.

Random heads would pull the encoder's features out of shape (Kumar et al. 2022, "Fine-Tuning can
Distort Pretrained Features and Underperform Out-of-Distribution"). The still encoder reads every
window once; after that an epoch of the heads costs a fraction of one of the whole model.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from datasets import Dataset
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import BatchSampler
from tqdm.auto import tqdm
from transformers import get_linear_schedule_with_warmup

from marsad.config import RunConfig
from marsad.errors import TrainingError
from marsad.modeling import MarsadModel
from marsad.objective import count_targets
from marsad.optimization import adamw
from marsad.sampling import EpochSampler
from marsad.targets import Collator
from marsad.trainer import DocumentTrainer

WINDOWS = 16  # in a batch of features


def train_heads(trainer: DocumentTrainer, config: RunConfig) -> None:
    """Train the heads of a trainer's model on features of its still encoder.

    The windows are drawn by the shares of the trainer's own epochs, in larger batches, from as many
    of them as the options allow.

    Raises:
        TrainingError: the loss became no number.
    """
    model = trainer.accelerator.unwrap_model(trainer.model)
    collator = cast(Collator, trainer.data_collator)
    options, own = config.train.heads_first, trainer.sampler
    some = np.random.default_rng(config.seed).permutation(len(own.shares))[: options.windows]
    sampler = EpochSampler(
        own.shares[some], own.lengths[some], batch_size=WINDOWS, seed=config.seed
    )
    rows: list[Any] = list(cast(Dataset, trainer.train_dataset).select(some))
    with trainer.accelerator.autocast():
        features = encode_windows(model, rows, collator)
    parameters = model.head_parameters()
    optimizer = adamw(
        parameters.items(), lambda _: options.learning_rate, config.train.weight_decay
    )
    steps = options.epochs * len(sampler) // WINDOWS
    warmup = int(config.train.warmup * steps)
    schedule = get_linear_schedule_with_warmup(optimizer, warmup, steps)  # type: ignore[no-untyped-call]
    model.train()
    for epoch in tqdm(range(options.epochs), desc="training the heads"):
        sampler.set_epoch(epoch)
        for chosen in BatchSampler(sampler, WINDOWS, drop_last=False):
            targets = _on_device(collator([rows[i] for i in chosen]), trainer.args.device)
            hidden = pad_sequence([features[i] for i in chosen], batch_first=True)
            with trainer.accelerator.autocast():
                logits = model.judge(hidden.to(trainer.args.device), targets["sentence_mask"])
            loss = trainer.objective(logits, targets, model.crf, count_targets(targets))
            if not loss.isfinite():
                raise TrainingError(
                    f"the heads' loss is {loss.item()} before the encoder was touched; "
                    "lower train.heads_first.learning_rate"
                )
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
            optimizer.step()
            schedule.step()


def _on_device(tensors: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    return {name: value.to(device) for name, value in tensors.items()}


def encode_windows(
    model: MarsadModel, rows: Sequence[Mapping[str, Any]], collator: Collator
) -> list[Tensor]:
    """Return the encoder's output for each window, (its length, width), in the rows' order."""
    device = next(model.parameters()).device
    model.eval()
    features: dict[int, Tensor] = {}
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]["input_ids"]))
    with torch.no_grad(), tqdm(total=len(rows), desc="reading for the heads") as progress:
        for first in range(0, len(order), WINDOWS):
            chosen = order[first : first + WINDOWS]
            batch = collator([rows[i] for i in chosen])
            output = model.encoder(
                input_ids=batch["input_ids"].to(device),
                attention_mask=batch["attention_mask"].to(device),
            )
            for i, hidden in zip(chosen, output.last_hidden_state.cpu(), strict=True):
                features[i] = hidden[: len(rows[i]["input_ids"])].clone()
            progress.update(len(chosen))
    return [features[i] for i in range(len(rows))]
