"""Token-level figures, as published ones mostly are: seqeval's, strict, and without its traps.

seqeval's defaults accept a run of ``I-`` tags as a mention; given only one of ``mode`` and
``scheme``, ``f1_score`` silently ignores it; without any mention its macro figure is no number
(Nakayama 2018, seqeval).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marsad.document import Document, place_of
from marsad.labels import OUTSIDE
from marsad.text.words import find_words


@dataclass(frozen=True)
class TokenScore:
    """seqeval's strict micro F1 over words, blind to proclitics, and the mentions it counted."""

    f1: float
    support: int


def score_tokens(gold: Sequence[Document], own: Sequence[Document]) -> TokenScore:
    """Score mentions as tags on words."""
    truth, claim = ([word_tags(document) for document in side] for side in (gold, own))
    return score_tags(truth, claim)


def score_tags(truth: Sequence[Sequence[str]], claim: Sequence[Sequence[str]]) -> TokenScore:
    """Score IOB2 tags by seqeval, strictly."""
    # Here, since a record of scores is read without the packages that make one.
    from seqeval.metrics.v1 import precision_recall_fscore_support  # the strict mode
    from seqeval.scheme import IOB2

    if not any(tag != OUTSIDE for side in (truth, claim) for tags in side for tag in tags):
        return TokenScore(0.0, 0)
    _, _, f1, support = precision_recall_fscore_support(
        [list(tags) for tags in truth],
        [list(tags) for tags in claim],
        average="micro",
        scheme=IOB2,
        zero_division=0,
    )
    return TokenScore(float(f1), int(np.sum(support)))


def word_tags(document: Document) -> list[str]:
    """Return one IOB2 tag a word; a mention tags every word that it touches."""
    words = find_words(document.text)
    tags = [OUTSIDE] * len(words)
    for entity in sorted(document.entities, key=place_of):
        first = int(np.searchsorted(words[:, 1], entity.start, side="right"))
        last = int(np.searchsorted(words[:, 0], entity.end, side="left"))
        tags[first:last] = [f"I-{entity.label}"] * (last - first)
        if first < last:
            tags[first] = f"B-{entity.label}"
    return tags
