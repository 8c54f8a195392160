"""Targets: annotated documents as windows with what each head should say of them."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from marsad.document import Document, Sentence
from marsad.labels import scheme
from marsad.model_folder import ModelSettings
from marsad.modeling import IGNORED
from marsad.spans import tag_words
from marsad.text.windows import (
    SpecialIds,
    TokenizedSentence,
    Window,
    make_batch,
    pack_windows,
    tokenize_sentences,
)

log = logging.getLogger(__name__)


def training_rows(
    documents: Sequence[Document], tokenizer: Tokenizer, settings: ModelSettings
) -> dict[str, list[Any]]:
    """Turn documents into columns: token ids and, by position, the targets of the heads."""
    rows: list[dict[str, Any]] = []
    for document in documents:
        spans = [(s.start, s.end) for s in document.sentences]
        sentences = list(tokenize_sentences(document.text, spans, tokenizer, settings.cleaning))
        windows = pack_windows(
            sentences,
            settings.special,
            max_tokens=settings.max_tokens,
            overlap=settings.overlap,
            max_sentences=settings.max_sentences,
        )
        rows += [_training_row(document, sentences, window, settings) for window in windows]
    return {key: [row[key] for row in rows] for key in rows[0]} if rows else {}


def _training_row(
    document: Document,
    sentences: Sequence[TokenizedSentence],
    window: Window,
    settings: ModelSettings,
) -> dict[str, Any]:
    names = scheme()
    tags = np.full(len(window.ids), IGNORED)
    proclitics = np.full(len(window.ids), IGNORED)
    events = []
    for part in window.parts:
        sentence = document.sentences[part.sentence]
        own_sentence = sentences[part.sentence]
        targets, misfits = tag_words(
            document.text, own_sentence.words, document.entities_in(sentence), names.tags
        )
        for entity, reason in misfits:
            log.warning("%s: %r %s; left out", document.id, document.mention(entity), reason)
        own = np.arange(part.first_word, part.last_word)
        heard = ~own_sentence.silent[own]
        tags[part.positions[heard]] = targets.tags[own[heard]]
        known = heard & (targets.proclitics[own] >= 0)
        proclitics[part.positions[known]] = targets.proclitics[own[known]]
        events.append(_event_targets(sentence) if part.whole else [IGNORED] * len(names.events))
    return {
        "input_ids": window.ids,
        "tags": tags,
        "proclitics": proclitics,
        "sentences": window.spans(settings.pooling),
        "events": events,
        "length": len(window.ids),
    }


def _event_targets(sentence: Sentence) -> list[int]:
    """Return, for each type, 0 where the sentence does not report it, else 1 + its realis id."""
    names = scheme()
    found = {e.type: 1 + names.realis_names.index(e.realis) for e in sentence.events}
    return [found.get(name, 0) for name in names.event_names]


class Collator:
    """Pads rows of :func:`training_rows` to one length and makes tensors of them."""

    def __init__(self, special: SpecialIds) -> None:
        self.special = special

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """Return the fields of a Batch, and the targets as :meth:`MarsadModel.loss` takes them."""
        spans = [row["sentences"] for row in rows]
        batch = make_batch([row["input_ids"] for row in rows], spans, self.special)
        tensors = {name: torch.from_numpy(array) for name, array in batch._asdict().items()}
        for key in ("tags", "proclitics"):
            tensors[key] = _pad([torch.as_tensor(row[key]) for row in rows])
        tensors["events"] = _pad([torch.as_tensor(row["events"]) for row in rows])
        return tensors


def _pad(targets: list[Tensor]) -> Tensor:
    return pad_sequence(targets, batch_first=True, padding_value=IGNORED)
