"""The usual recipe: token classification by transformers' trainer, as its examples teach it.

``run_ner`` of https://github.com/huggingface/transformers/tree/main/examples/pytorch fine-tunes a
``XForTokenClassification`` on sentences given as words: the first piece of a word has its label,
the others have none; a sentence is cut at, and here padded to, one length; all else is what
``TrainingArguments`` has by default (AdamW, learning rate 5e-5 falling linearly from the first
step, batches of 8, three epochs, fp32).
"""

from collections.abc import Sequence
from pathlib import Path

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
from marsad.bench_training.words import Example, Ints, answer_all, encode_sentences
from marsad.benchmarks import Benchmark
from marsad.scoring import score

LENGTH = 128  # pieces of a sentence, specials and padding included
BATCH = 8  # sentences that are read at once when the model is scored


def run_baseline(
    encoder: Path,
    material: Material,
    output: Path,
    *,
    seed: int,
    scorings: int,
    epochs: float | None = None,
) -> Outcome:
    """Train by the usual recipe.

    Args:
        encoder: folder of the encoder and its tokenizer.
        material: what to learn from and to be scored on.
        output: folder for what the trainer writes.
        seed: of the new head, the order and dropout.
        scorings: how many an epoch has.
        epochs: in place of the recipe's own.
    """
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    training = encode_sentences(material.read_training(), tokenizer, material, length=LENGTH)
    dev = material.read_dev()
    reading = encode_sentences(dev.documents, tokenizer, material, length=LENGTH)
    set_seed(seed)
    model = build_model(encoder, material.tags)
    trainer = build_trainer(model, tokenizer, training, output, seed=seed)
    trainer.args.num_train_epochs = epochs or trainer.args.num_train_epochs
    course = Course(lambda: score_model(model, dev, reading, material.tags), scorings=scorings)
    course.follow(trainer)
    trainer.train()
    return course.outcome(
        {
            "epochs": trainer.args.num_train_epochs,
            "batch_size": trainer.args.per_device_train_batch_size,
            "learning_rate": trainer.args.learning_rate,
            "length": LENGTH,
            "attention": model.config._attn_implementation,
            "bf16": trainer.args.bf16,
            "sentences": len(training),
            "words_unread": sum(example.unread for example in training),
            "dev_words_unread": sum(example.unread for example in reading),
        }
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
    model: PreTrainedModel, dev: Benchmark, examples: Sequence[Example], tags: Sequence[str]
) -> float:
    """Return the strict micro F1 of a model on documents, which the examples are the sentences of.

    Words that were cut off are in no mention.
    """
    own = answer_all(dev.documents, examples, predict_tags(model, examples), tags)
    scores = score(dev.documents, own, entities=True, events=False, ruler=dev.ruler)
    return scores.tables["entities"].micro.f1


def predict_tags(model: PreTrainedModel, examples: Sequence[Example]) -> list[Ints]:
    """Return the likeliest tag of each piece of each example."""
    model.train(False)
    rows: list[Ints] = []
    with torch.inference_mode():
        for first in range(0, len(examples), BATCH):
            features = [example.features for example in examples[first : first + BATCH]]
            inputs = {
                name: torch.tensor([own[name] for own in features], device=model.device)
                for name in features[0]
                if name != "labels"
            }
            rows += list(model(**inputs).logits.argmax(-1).cpu().numpy())
    model.train()
    return rows
