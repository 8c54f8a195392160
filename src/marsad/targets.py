"""Targets: annotated documents as windows with what each head should say of them."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from marsad.benchmarks import Annotated
from marsad.document import Entity, Sentence
from marsad.label_sets import label_sets
from marsad.labels import scheme
from marsad.losses import IGNORED
from marsad.model_folder import ModelSettings
from marsad.spans import Ints, WordTags, tag_words
from marsad.text.batches import make_batch
from marsad.text.windows import (
    Bools,
    Part,
    SpecialIds,
    TokenizedSentence,
    Window,
    pack_windows,
    tokenize_sentences,
)

log = logging.getLogger(__name__)

Row = dict[str, Any]

BY_TOKEN = ("tags", "proclitics")
OF_WORDS = ("begins", "words")
BY_SENTENCE = ("events", "groups")


def training_rows(
    annotated: Sequence[Annotated], tokenizer: Tokenizer, settings: ModelSettings
) -> list[Row]:
    """Turn documents into windows of token ids and, by position, the targets of the heads.

    Returns:
        Rows with ``input_ids``; ``tags`` (numbers of :class:`LabelSets`), ``proclitics``,
        ``begins`` (1 at the first word of a sentence, not at that of a later part of it) and
        ``words`` (the number of each piece's word from 1, 0 outside of sentences), one a token;
        ``sentences`` (token ranges), ``events`` and ``groups``, one a sentence; ``length``.
    """
    rows: list[Row] = []
    for item in annotated:
        spans = [(s.start, s.end) for s in item.document.sentences]
        sentences = list(
            tokenize_sentences(item.document.text, spans, tokenizer, settings.cleaning)
        )
        windows = pack_windows(
            sentences,
            settings.special,
            max_tokens=settings.max_tokens,
            overlap=settings.overlap,
            max_sentences=settings.max_sentences,
            context=settings.context,
        )
        rows += [_training_row(item, sentences, window, settings) for window in windows]
    return rows


def _training_row(
    item: Annotated,
    sentences: Sequence[TokenizedSentence],
    window: Window,
    settings: ModelSettings,
) -> Row:
    tags, proclitics = (np.full(len(window.ids), IGNORED) for _ in BY_TOKEN)
    begins, words = (np.zeros(len(window.ids), dtype=np.int64) for _ in OF_WORDS)
    events, groups = [], []
    for part in window.parts:
        own = np.arange(part.first_word, part.last_word)
        heard = ~part.silent
        sets, lengths = _word_targets(item, part.sentence, sentences[part.sentence])
        places = part.positions[heard]
        tags[places], proclitics[places] = sets[own[heard]], lengths[own[heard]]
        if sentences[part.sentence].silent[: part.first_word].all():  # else it goes on here
            begins[places[:1]] = 1
        numbers = _words_of_pieces(part, sentences[part.sentence])
        words[part.begin : part.end] = np.where(numbers > 0, numbers + words.max(), 0)
        sentence = item.document.sentences[part.sentence]
        events.append(_event_targets(item, sentence, whole=part.whole))
        groups.append(_group_targets(item, whole=part.whole))
    return {
        "input_ids": window.ids,
        "tags": tags,
        "proclitics": proclitics,
        "begins": begins,
        "words": words,
        "sentences": window.spans(settings.pooling),
        "events": events,
        "groups": groups,
        "length": len(window.ids),
    }


def _words_of_pieces(part: Part, sentence: TokenizedSentence) -> Ints:
    """Return the number of each piece's word from 1; 0 before the first that is heard."""
    first_piece = sentence.first_piece[~sentence.silent]
    pieces = np.arange(part.piece, part.piece + part.end - part.begin)
    numbers: Ints = np.searchsorted(first_piece, pieces, side="right")
    return numbers - int(np.searchsorted(first_piece, part.piece))


def _word_targets(
    item: Annotated, number: int, tokenized: TokenizedSentence
) -> tuple[np.ndarray, np.ndarray]:
    """Return label set and proclitic length of each word; IGNORED where a corpus has none.

    Words of a mention that models do not agree on may have any tag.
    """
    document = item.document
    names = scheme().sources[item.source].tags if item.source else scheme().tags
    mentions = list(document.entities_in(document.sentences[number]))
    sure = [entity for entity in mentions if not document.is_unsure(entity)]
    targets, misfits = tag_words(document.text, tokenized.words, sure, names)
    for entity, reason in misfits:
        log.warning("%s: %r %s; left out", document.id, document.mention(entity), reason)
    tags, lengths = _begin_at_heard(targets, tokenized.silent)
    unknown = np.full_like(tags, IGNORED)
    if not item.source and not item.entities:
        return unknown, unknown
    if not item.source:
        unsure = [entity for entity in mentions if document.is_unsure(entity)]
        tags[_reached(tokenized.words, unsure) & (tags == 0)] = label_sets().anything
        return tags, np.where(lengths < 0, IGNORED, lengths)
    annotated = bool(scheme().sources[item.source].entities)
    # Mentions are whole tokens, whatever leads them.
    return label_sets().tag_set[item.source][tags] if annotated else unknown, unknown


def _reached(words: Ints, mentions: Sequence[Entity]) -> Bools:
    """Return which words a mention reaches into."""
    reached = np.zeros(len(words), dtype=np.bool_)
    for entity in mentions:
        reached |= (words[:, 0] < entity.end) & (entity.start < words[:, 1])
    return reached


def _begin_at_heard(targets: WordTags, silent: Bools) -> WordTags:
    """Let each mention begin at its first word that is heard, for there a reader finds it.

    Otherwise its ``I-X`` would follow nothing that it may follow.
    """
    tags, proclitics = targets.tags.copy(), targets.proclitics.copy()
    inside = np.flatnonzero((tags > 0) & ~silent)
    mention = np.cumsum(proclitics >= 0)[inside]
    first = inside[np.unique(mention, return_index=True)[1]]
    late = first[proclitics[first] < 0]
    tags[late] -= 1  # from I-X to B-X
    proclitics[late] = 0
    return WordTags(tags, proclitics)


def _event_targets(item: Annotated, sentence: Sentence, *, whole: bool) -> list[int]:
    """Return, for each type, 0 where the sentence does not report it, else 1 + its realis id."""
    names = scheme()
    if not whole or not item.events:
        return [IGNORED] * len(names.events)
    if item.source:
        classes = names.sources[item.source].events
        absent = {t for name, voted in item.votes.items() if not voted for t in classes[name]}
        return [0 if name in absent else IGNORED for name in names.event_names]
    found = {
        e.type: IGNORED if item.document.is_unsure(e) else 1 + names.realis_names.index(e.realis)
        for e in sentence.events
    }
    return [found.get(name, 0) for name in names.event_names]


def _group_targets(item: Annotated, *, whole: bool) -> list[int]:
    """Return 1 for each group of types of which the sentence reports at least one."""
    targets = [IGNORED] * len(label_sets().groups)
    if item.source and whole:
        for name, voted in item.votes.items():
            if voted:
                targets[label_sets().group[item.source][name]] = 1
    return targets


class Collator:
    """Pads rows of :func:`training_rows` to one length and makes tensors of them."""

    def __init__(self, special: SpecialIds) -> None:
        self.special = special

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """Return the fields of a Batch, and the targets as :class:`Objective` takes them."""
        spans = [row["sentences"] for row in rows]
        batch = make_batch([row["input_ids"] for row in rows], spans, self.special)
        tensors = {name: torch.from_numpy(array) for name, array in batch._asdict().items()}
        for key in (*BY_TOKEN, *BY_SENTENCE):
            tensors[key] = _pad([row[key] for row in rows], IGNORED)
        tensors["begins"] = _pad([row["begins"] for row in rows], 0).bool()
        tensors["words"] = _pad([row["words"] for row in rows], 0)
        return tensors


def _pad(targets: Sequence[Any], filler: int) -> Tensor:
    rows = [torch.as_tensor(row) for row in targets]
    return pad_sequence(rows, batch_first=True, padding_value=filler)
