"""Mistakes in entities by kind: what a system gets wrong where a pair is not exactly right.

The kinds follow the MUC-5 categories (Chinchor and Sundheim 1993, "MUC-5 Evaluation Metrics"), with
one more for a language whose particles are written into the word after them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from marsad.document import Document, Entity
from marsad.labels import OUTSIDE
from marsad.scoring.matching import Pair
from marsad.text.words import find_words

Kind = Literal["type", "clitic", "boundary", "type_and_boundary", "missed", "spurious"]
KINDS: tuple[Kind, ...] = get_args(Kind)

Confusion = Mapping[str, Mapping[str, int]]  # annotated label -> predicted label -> mentions


@dataclass(frozen=True)
class Mistake:
    """A pair of mentions that is not right, one of both None, and what kind of mistake it is."""

    document: Document
    kind: Kind
    gold: Entity | None
    own: Entity | None


def find_mistakes(document: Document, pairs: Iterable[Pair]) -> Iterator[Mistake]:
    """Yield the pairs of a document's mentions that are not exactly right.

    - ``type``: the span is right, the label is not.
    - ``clitic``: the label and the words are right, the cut after the proclitic is not.
    - ``boundary``: the label is right, the words are not.
    - ``type_and_boundary``: they overlap, with another label and another span.
    - ``missed``: an annotated mention with no claim of its own.
    - ``spurious``: a claim with no annotated mention of its own.
    """
    starts = find_words(document.text)[:, 0]
    for pair in pairs:
        if not (pair.same_label and pair.same_span):
            yield Mistake(document, _kind(pair, starts), pair.gold, pair.own)


def count_mistakes(
    documents: Iterable[Document], pairs: Iterable[Iterable[Pair]]
) -> dict[Kind, int]:
    """Count mistakes by kind."""
    both = zip(documents, pairs, strict=True)
    counts = Counter(mistake.kind for pair in both for mistake in find_mistakes(*pair))
    return {kind: counts[kind] for kind in KINDS}


def count_confusions(pairs: Iterable[Sequence[Pair]], names: Sequence[str]) -> Confusion:
    """Count which labels overlapping mentions bear; ``O`` stands for nothing there."""
    counts = Counter(
        (pair.gold.label if pair.gold else OUTSIDE, pair.own.label if pair.own else OUTSIDE)
        for document in pairs
        for pair in document
    )
    rows = (*names, OUTSIDE)
    return {row: {column: counts[row, column] for column in rows} for row in rows}


def _kind(pair: Pair, starts: npt.NDArray[np.int64]) -> Kind:
    gold, own = pair.gold, pair.own
    if gold is None or own is None:
        return "spurious" if gold is None else "missed"
    if not pair.same_label:
        return "type" if pair.same_span else "type_and_boundary"
    words = np.searchsorted(starts, [gold.start, own.start], side="right")
    return "clitic" if gold.end == own.end and words[0] == words[1] else "boundary"
