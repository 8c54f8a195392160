"""A model that is always right, to test everything around a model."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from marsad.benchmarks import Annotated
from marsad.document import Document, Entity, Sentence
from marsad.labels import scheme
from marsad.model_folder import ModelSettings
from marsad.targets import training_rows
from marsad.text.batches import Batch
from marsad.text.cleaning import Cleaning
from marsad.text.windows import SpecialIds
from marsad.text.words import MAX_PROCLITIC

CERTAIN = 9.0
MARKS = "ًٌٍَُِّْـ"


def oracle_settings(
    special: SpecialIds, cleaning: Cleaning = (), *, max_tokens: int = 128
) -> ModelSettings:
    return ModelSettings(
        name="oracle",
        version="0",
        task="joint",
        pooling="attention",
        scheme_digest=scheme().digest,
        max_tokens=max_tokens,
        overlap=8,
        special=special,
        cleaning=cleaning,
    )


class Oracle:
    """Answers each window of the documents it knows with their annotation."""

    batch_tokens = 512
    workers = 1

    def __init__(
        self, documents: Sequence[Document], tokenizer: Tokenizer, settings: ModelSettings
    ) -> None:
        rows = training_rows([Annotated(document) for document in documents], tokenizer, settings)
        self.rows = {tuple(row["input_ids"]): row for row in rows}

    def __call__(self, batch: Batch) -> Mapping[str, npt.NDArray[np.float32]]:
        names = scheme()
        rows, length = batch.input_ids.shape
        sentences = batch.sentence_mask.shape[1]
        types, values = len(names.events), len(names.realis)
        logits = {
            "tags": np.zeros((rows, length, len(names.tags)), dtype=np.float32),
            "proclitics": np.zeros((rows, length, MAX_PROCLITIC + 1), dtype=np.float32),
            "events": np.full((rows, sentences, types), -CERTAIN, dtype=np.float32),
            "realis": np.zeros((rows, sentences, types, values), dtype=np.float32),
        }
        for i, (ids, mask) in enumerate(zip(batch.input_ids, batch.attention_mask, strict=True)):
            row = self.rows[tuple(ids[mask == 1])]
            for head in ("tags", "proclitics"):
                known = np.flatnonzero(row[head] >= 0)
                logits[head][i, known, row[head][known]] = CERTAIN
            for sentence, events in enumerate(row["events"]):
                for type_, target in enumerate(events):
                    if target > 0:
                        logits["events"][i, sentence, type_] = CERTAIN
                        logits["realis"][i, sentence, type_, target - 1] = CERTAIN
        return logits


def decorate(document: Document, seed: int) -> Document:
    """Put harakat and tatweel behind Arabic letters and move the annotation along."""
    random = np.random.default_rng(seed)
    text, moved = "", []
    for character in document.text:
        moved.append(len(text))
        text += character
        if "ء" <= character <= "ي" and random.random() < 0.7:
            text += "".join(random.choice(list(MARKS), size=random.integers(1, 4)))
    moved.append(len(text))
    return replace(
        document,
        text=text,
        sentences=tuple(Sentence(moved[s.start], moved[s.end]) for s in document.sentences),
        entities=tuple(Entity(moved[e.start], moved[e.end], e.label) for e in document.entities),
    )
