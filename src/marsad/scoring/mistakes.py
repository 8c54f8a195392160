"""Mistakes in entities by kind: what a model gets wrong where its spans are not exactly right.

The kinds follow the MUC-5 categories (Chinchor and Sundheim 1993, "MUC-5 Evaluation Metrics"), with
one more for a language whose particles are written into the word after them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from marsad.document import Document, Entity
from marsad.labels import OUTSIDE
from marsad.scoring.matching import Pair
from marsad.text.words import find_words

Kind = Literal["type", "clitic", "boundary", "type_and_boundary", "missed", "spurious"]
KINDS: tuple[Kind, ...] = get_args(Kind)  # the mildest first

Confusion = Mapping[str, Mapping[str, int]]  # annotated label -> predicted label -> mentions


@dataclass(frozen=True)
class Mistake:
    """A mention that was not found exactly, or claimed where none is; one of both may be None."""

    document: Document
    kind: Kind
    gold: Entity | None
    own: Entity | None


def find_mistakes(gold: Document, own: Document) -> Iterable[Mistake]:
    """Yield the mistakes in a document; every annotated mention not found exactly is one.

    - ``type``: the span is right, the label is not.
    - ``clitic``: the label and the words are right, the cut after the proclitic is not.
    - ``boundary``: the label is right, the words are not.
    - ``type_and_boundary``: something overlaps, with another label and another span.
    - ``missed``: nothing overlaps.
    - ``spurious``: a claimed mention that overlaps no annotated one.
    """
    starts = find_words(gold.text)[:, 0]
    exact = {(e.start, e.end, e.label) for e in own.entities}
    for entity in gold.entities:
        if (entity.start, entity.end, entity.label) in exact:
            continue
        near = [
            Mistake(gold, _kind(entity, e, starts), entity, e) for e in _overlapping(entity, own)
        ]
        missed = Mistake(gold, "missed", entity, None)
        yield min(near, key=lambda mistake: KINDS.index(mistake.kind), default=missed)
    for claim in own.entities:
        if not _overlapping(claim, gold):
            yield Mistake(gold, "spurious", None, claim)


def count_mistakes(gold: Sequence[Document], own: Sequence[Document]) -> dict[Kind, int]:
    """Count mistakes by kind."""
    counts = Counter(m.kind for a, b in zip(gold, own, strict=True) for m in find_mistakes(a, b))
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


def _overlapping(entity: Entity, document: Document) -> list[Entity]:
    return [e for e in document.entities if e.start < entity.end and entity.start < e.end]


def _kind(entity: Entity, own: Entity, starts: npt.NDArray[np.int64]) -> Kind:
    if entity.label != own.label:
        same = (entity.start, entity.end) == (own.start, own.end)
        return "type" if same else "type_and_boundary"
    words = np.searchsorted(starts, [entity.start, own.start], side="right")
    return "clitic" if entity.end == own.end and words[0] == words[1] else "boundary"
