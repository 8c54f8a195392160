"""Heads first: they learn from the still encoder's features before the encoder moves.

Random heads would pull the encoder's features out of shape (Kumar et al. 2022, "Fine-Tuning can
Distort Pretrained Features and Underperform Out-of-Distribution"). The still encoder reads every
window once; after that an epoch of the heads costs a fraction of one of the whole model.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from tqdm.auto import tqdm
from transformers import get_linear_schedule_with_warmup

from marsad.config import RunConfig
from marsad.modeling import MarsadModel
from marsad.targets import Collator

WINDOWS = 16  # in a batch of features


def train_heads(
    model: MarsadModel, windows: Dataset, collator: Collator, config: RunConfig
) -> None:
    """Train the heads of a model on features of its still encoder, as ``heads_first`` says."""
    options = config.train.heads_first
    rows = list(windows)
    features = encode_windows(model, rows, collator)
    device = next(model.parameters()).device
    pairs: Any = list(zip(rows, features, strict=True))
    batches: DataLoader[Any] = DataLoader(
        pairs,
        batch_size=WINDOWS,
        shuffle=True,
        generator=torch.Generator().manual_seed(config.seed),
        collate_fn=lambda pairs: (
            collator([row for row, _ in pairs]),
            pad_sequence([own for _, own in pairs], batch_first=True),
        ),
    )
    parameters = model.head_parameters()
    optimizer = torch.optim.AdamW(
        parameters, lr=options.learning_rate, weight_decay=config.train.weight_decay
    )
    steps = options.epochs * len(batches)
    warmup = int(config.train.warmup * steps)
    schedule = get_linear_schedule_with_warmup(optimizer, warmup, steps)  # type: ignore[no-untyped-call]
    model.train()
    with tqdm(total=steps, desc="training the heads") as progress:
        for _ in range(options.epochs):
            for targets, hidden in batches:
                inputs = {name: value.to(device) for name, value in targets.items()}
                logits = model.judge(hidden.to(device), inputs["sentence_mask"])
                optimizer.zero_grad()
                model.loss(logits, inputs).backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(parameters, 1.0)
                optimizer.step()
                schedule.step()
                progress.update()


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
