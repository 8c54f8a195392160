"""Entities as tags on words, and back: BIO (IOB2) with a proclitic length beside each ``B``.

An entity covers whole words, except that its first word may carry proclitics outside it
(بدرعا: the word starts one letter before the mention درعا). So a mention is a run of tags plus
the number of leading letters of its first word that are not part of it; letters, not characters,
so that vowels and tatweel change nothing. numpy only.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from marsad.document import Entity, place_of
from marsad.text.words import MAX_PROCLITIC, letter_starts

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Real = TypeVar("Real", np.float32, np.float64)

NEVER = -1e30  # a log-probability of zero that sums and differences leave a number


class WordTags(NamedTuple):
    """Targets of the words: tag ids, and proclitic lengths (-1 where no mention begins)."""

    tags: Ints
    proclitics: Ints


class TagReading(NamedTuple):
    """Tags that a model's own are read as: a coarser tag is as likely as all that it sums up.

    ``members`` has shape (own tags, names).
    """

    names: tuple[str, ...]
    members: npt.NDArray[np.bool_]

    def __call__(self, log_probabilities: Floats) -> Floats:
        """Return log-probabilities of the names, (words, names)."""
        summed = np.exp(log_probabilities) @ self.members.astype(np.float32)
        result: Floats = np.log(np.maximum(summed, np.finfo(np.float32).tiny))
        return result


class Misfit(NamedTuple):
    """An entity that tags on words cannot express, and why."""

    entity: Entity
    reason: str


def tag_words(
    text: str, words: Ints, entities: Iterable[Entity], tag_names: Sequence[str]
) -> tuple[WordTags, list[Misfit]]:
    """Turn entities into one tag a word.

    Args:
        text: the text that offsets refer to.
        words: word offsets, shape (words, 2).
        entities: mentions, flat.
        tag_names: ``O``, ``B-X``, ``I-X``, …; positions are the tag ids.

    Returns:
        The tags, and the entities that do not fit words and were left out.
    """
    tag_id = {name: i for i, name in enumerate(tag_names)}
    tags = np.zeros(len(words), dtype=np.int64)
    proclitics = np.full(len(words), -1, dtype=np.int64)
    misfits = []
    for entity in sorted(entities, key=place_of):
        first = int(np.searchsorted(words[:, 1], entity.start, side="right"))
        last = int(np.searchsorted(words[:, 0], entity.end, side="left")) - 1
        if reason := _misfit(text, words, entity, first, last, tags):
            misfits.append(Misfit(entity, reason))
            continue
        tags[first] = tag_id[f"B-{entity.label}"]
        tags[first + 1 : last + 1] = tag_id[f"I-{entity.label}"]
        proclitics[first] = letter_starts(text[slice(*words[first])]).index(
            entity.start - words[first, 0]
        )
    return WordTags(tags, proclitics), misfits


def _misfit(
    text: str, words: Ints, entity: Entity, first: int, last: int, tags: Ints
) -> str | None:
    if first >= len(words) or last < first:
        return "holds no word"
    if entity.start < words[first, 0]:
        return "starts before a word"
    letters = letter_starts(text[slice(*words[first])])
    if entity.start - words[first, 0] not in letters:
        return "starts between a letter and its marks"
    if entity.start - words[first, 0] not in letters[: MAX_PROCLITIC + 1]:
        return f"starts more than {MAX_PROCLITIC} letters inside a word"
    if words[last, 1] != entity.end:
        return "ends inside a word"
    if tags[first : last + 1].any():
        return "shares a word with another mention"
    return None


def legal_transitions(tag_names: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return which tag may follow which: ``I-X`` only after ``B-X`` or ``I-X``. Row: from."""
    kinds = np.array([name[:1] for name in tag_names])
    labels = np.array([name[2:] for name in tag_names])
    same_label = labels[:, None] == labels[None, :]
    allowed: npt.NDArray[np.bool_] = (kinds[None, :] != "I") | same_label
    return allowed


def legal_beginnings(tag_names: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return which tags a sentence may begin with: all but ``I-X``."""
    return np.array([not name.startswith("I-") for name in tag_names], dtype=np.bool_)


def best_legal_tags(scores: Floats, tag_names: Sequence[str]) -> Ints:
    """Return the best legal tag sequence (Viterbi over hard BIO constraints).

    Args:
        scores: log-probabilities, shape (words, tags).
        tag_names: names in the order of the columns.
    """
    greedy = scores.argmax(axis=1)
    allowed = legal_transitions(tag_names)
    starts_legally = not tag_names[greedy[0]].startswith("I-") if len(greedy) else True
    if starts_legally and allowed[greedy[:-1], greedy[1:]].all():
        tags: Ints = greedy.astype(np.int64)  # the best of all sequences is legal already
        return tags
    penalty = np.where(allowed, 0.0, -np.inf).astype(np.float32)
    best = scores[0] + np.where(legal_beginnings(tag_names), 0.0, -np.inf)
    back = np.zeros(scores.shape, dtype=np.int64)
    for i in range(1, len(scores)):
        paths = best[:, None] + penalty
        back[i] = paths.argmax(axis=0)
        best = paths.max(axis=0) + scores[i]
    tags = np.zeros(len(scores), dtype=np.int64)
    tags[-1] = best.argmax()
    for i in range(len(scores) - 1, 0, -1):
        tags[i - 1] = back[i, tags[i]]
    return tags


def log_softmax(logits: npt.NDArray[Real]) -> npt.NDArray[Real]:
    """Return log-probabilities over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: npt.NDArray[Real] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def tag_log_marginals(
    logits: Floats, transitions: Floats | None, tag_names: Sequence[str]
) -> Floats:
    """Return the log-probability of each tag at each word of one sentence, (words, tags).

    Args:
        logits: shape (words, tags).
        transitions: learned scores of :class:`marsad.crf.LinearChainCRF`, (tags, tags); the sum is
            over all sequences that BIO allows (the forward-backward algorithm), and a tag that none
            of them holds gets minus infinity. None: each word is judged by itself.
        tag_names: ``O``, ``B-X``, ``I-X``, …
    """
    if transitions is None:
        return log_softmax(logits)
    emissions = log_softmax(logits.astype(np.float64))
    emissions[:1, ~legal_beginnings(tag_names)] = NEVER
    moves = np.where(legal_transitions(tag_names), transitions.astype(np.float64), NEVER)
    # The way back is the way ahead through the reversed sentence, with "from" and "to" exchanged.
    sums = _sum_paths(np.stack([emissions, emissions[::-1]], axis=1), np.stack([moves, moves.T]))
    marginals = log_softmax(sums[:, 0] + sums[::-1, 1] - emissions)
    return np.where(marginals < NEVER / 2, -np.inf, marginals).astype(np.float32)


def _sum_paths(
    emissions: npt.NDArray[np.float64], moves: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return log-sums over the paths that end in each tag of each word.

    Args:
        emissions: (words, chains, tags).
        moves: (chains, tags, tags), row: from.
    """
    sums = emissions.copy()
    for i in range(1, len(sums)):
        paths = sums[i - 1][:, :, None] + moves
        top = paths.max(axis=1)
        sums[i] += top + np.log(np.exp(paths - top[:, None]).sum(axis=1))
    return sums


def read_entities(
    text: str,
    words: Ints,
    tag_logits: Floats,
    proclitic_logits: Floats,
    tag_names: Sequence[str],
    *,
    transitions: Floats | None = None,
    reading: TagReading | None = None,
) -> list[Entity]:
    """Decode one sentence: logits of its words into entities with scores.

    Args:
        text: the text that offsets refer to.
        words: word offsets, shape (words, 2).
        tag_logits: shape (words, tags).
        proclitic_logits: shape (words, MAX_PROCLITIC + 1).
        tag_names: ``O``, ``B-X``, ``I-X``, …
        transitions: as :func:`tag_log_marginals` takes them. With them, tags are the legal sequence
            of the highest product of marginals (Fariselli et al. 2005, "A new decoding algorithm
            for hidden Markov models improves the prediction of the topology of all-beta membrane
            proteins").
        reading: coarser tags to decode, and to name the entities by, instead of the model's own.

    Returns:
        Entities in order. The score is the probability that all of a mention is as it is read: its
        tags, that it goes no further, and its proclitic, taken as independent of each other.
    """
    if not len(words):
        return []
    scores = tag_log_marginals(tag_logits, transitions, tag_names)
    if reading:
        tag_names, scores = reading.names, reading(scores)
    tags = best_legal_tags(scores, tag_names)
    begins = np.flatnonzero([tag_names[t].startswith("B-") for t in tags])
    entities = []
    for begin in begins:
        end = begin + 1
        while end < len(tags) and tag_names[tags[end]].startswith("I-"):
            end += 1
        label = tag_names[tags[begin]][2:]
        letters = letter_starts(text[slice(*words[begin])])
        cut = log_softmax(proclitic_logits[begin, : min(MAX_PROCLITIC + 1, len(letters))])
        lead = int(cut.argmax())  # at least one of the word's letters stays
        goes_on = np.exp(scores[end, tag_names.index(f"I-{label}")]) if end < len(tags) else 0.0
        certain = scores[np.arange(begin, end), tags[begin:end]].sum() + cut[lead]
        start, last = words[begin, 0] + letters[lead], words[end - 1, 1]
        score = float(np.exp(certain) * (1 - goes_on))
        entities.append(Entity(int(start), int(last), label, score))
    return entities
