"""The usual recipe: token classification by transformers' trainer, as its examples teach it.

``run_ner`` of https://github.com/huggingface/transformers/tree/main/examples/pytorch fine-tunes a
``XForTokenClassification`` on sentences given as words: the first piece of a word has its label,
the others have none; a sentence is cut at one length, here 128, and padded to it
(``--pad_to_max_length``) or to the longest of its batch, which is the example's default; all else
is what ``TrainingArguments`` has by default (AdamW, learning rate 5e-5 falling linearly from the
first step, batches of 8, three epochs, fp32).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from datasets import Dataset
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    PreTrainedModel,
    Trainer,
    TrainingArguments,
    set_seed,
)
from transformers import PreTrainedTokenizerBase as Tokenizer

from marsad.bench_training.course import Course
from marsad.bench_training.material import Material
from marsad.bench_training.outcome import Outcome
from marsad.bench_training.recipe import BY_BATCH, Recipe
from marsad.bench_training.words import Example, Ints, answer_all, encode_sentences
from marsad.benchmarks import Benchmark
from marsad.scoring import score

Padding = Literal["length", "batch"]  # to LENGTH, or to the longest sentence of a batch

LENGTH = 128  # tokens of a sentence at most, specials included
BATCH = 16  # sentences that are read at once when the model is scored


def run_baseline(
    encoder: Path,
    material: Material,
    output: Path,
    *,
    seed: int,
    scorings: int,
    epochs: float | None = None,
    padding: Padding = "length",
) -> Outcome:
    """Train by the usual recipe.

    Args:
        encoder: folder of the encoder and its tokenizer.
        material: what to learn from and to be scored on.
        output: folder for what the trainer writes.
        seed: of the new head, the order and dropout.
        scorings: how many an epoch has.
        epochs: in place of the recipe's own.
        padding: what the sentences that it learns from are padded to.
    """
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    training = encode_sentences(
        material.read_training(), tokenizer, material, length=LENGTH, padded=padding == "length"
    )
    dev = material.read_dev()
    reading = encode_sentences(dev.documents, tokenizer, material, length=LENGTH)
    set_seed(seed)
    model = build_model(encoder, material.tags)
    trainer = build_trainer(model, tokenizer, training, output, seed=seed)
    if epochs is not None:
        trainer.args.num_train_epochs = epochs
    course = Course(
        lambda: score_model(model, tokenizer, dev, reading, material.tags),
        labels="labels",
        scorings=scorings,
    )
    course.follow(trainer)
    trainer.train()
    return course.outcome(
        describe_recipe(model, trainer.args, padding),
        {
            "length": LENGTH,
            "padding": padding,
            "sentences": len(training),
            "words_unread": sum(example.unread for example in training),
            "dev_words_unread": sum(example.unread for example in reading),
        },
    )


def describe_recipe(model: PreTrainedModel, args: TrainingArguments, padding: Padding) -> Recipe:
    """Return how the recipe trains a model."""
    return Recipe(
        padding=f"padded to {LENGTH} tokens" if padding == "length" else BY_BATCH,
        precision="bf16" if args.bf16 else "fp32",
        attention=model.config._attn_implementation,
        batch_size=args.per_device_train_batch_size,
        epochs=args.num_train_epochs,
        learning_rate=args.learning_rate,
        head_learning_rate=args.learning_rate,
    )


def build_model(encoder: Path, tags: Sequence[str]) -> PreTrainedModel:
    """Return the encoder under a new head for the tags."""
    model: PreTrainedModel = AutoModelForTokenClassification.from_pretrained(
        encoder,
        id2label=dict(enumerate(tags)),
        label2id={name: i for i, name in enumerate(tags)},
        dtype=torch.float32,
    )
    return model


def build_trainer(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    examples: Sequence[Example],
    output: Path,
    *,
    seed: int,
) -> Trainer:
    """Return the recipe's trainer over encoded sentences; it saves and scores nothing itself."""
    return Trainer(
        model=model,
        args=TrainingArguments(str(output), seed=seed, save_strategy="no", report_to=[]),
        train_dataset=Dataset.from_list([dict(example.features) for example in examples]),
        data_collator=DataCollatorForTokenClassification(tokenizer),
        processing_class=tokenizer,
    )


def score_model(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    dev: Benchmark,
    examples: Sequence[Example],
    tags: Sequence[str],
) -> float:
    """Return the strict micro F1 of a model on documents, which the examples are the sentences of.

    Words that were cut off are in no mention.
    """
    own = answer_all(dev.documents, examples, predict_tags(model, tokenizer, examples), tags)
    scores = score(dev.documents, own, entities=True, events=False, ruler=dev.ruler)
    return scores.tables["entities"].micro.f1


def predict_tags(
    model: PreTrainedModel, tokenizer: Tokenizer, examples: Sequence[Example]
) -> list[Ints]:
    """Return the likeliest tag of each token of each example, by its number.

    Examples of about one length are read together, so that little is padding.
    """
    collate = DataCollatorForTokenClassification(tokenizer)
    lengths = [len(example.features["input_ids"]) for example in examples]
    order = np.argsort(lengths, kind="stable").tolist()
    rows: dict[int, Ints] = {}
    model.train(False)
    with torch.inference_mode():
        for first in range(0, len(order), BATCH):
            chosen = order[first : first + BATCH]
            inputs = collate([dict(examples[i].features) for i in chosen]).to(model.device)
            del inputs["labels"]
            found = model(**inputs).logits.argmax(-1).cpu().numpy()
            rows |= {i: row[: lengths[i]] for i, row in zip(chosen, found, strict=True)}
    model.train()
    return [rows[i] for i in range(len(examples))]
