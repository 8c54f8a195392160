"""Mistakes in entities by kind: what a model gets wrong where its spans are not exactly right.

The kinds follow the MUC-5 categories (Chinchor and Sundheim 1993, "MUC-5 Evaluation Metrics"), with
one more for a language whose particles are written into the word after them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from marsad.document import Document, Entity
from marsad.text.words import find_words

Kind = Literal["type", "clitic", "boundary", "type_and_boundary", "missed", "spurious"]
KINDS: tuple[Kind, ...] = get_args(Kind)  # the mildest first


def count_mistakes(gold: Sequence[Document], predicted: Sequence[Document]) -> dict[Kind, int]:
    """Count mistakes; every annotated mention that was not found exactly is in one kind.

    - ``type``: the span is right, the label is not.
    - ``clitic``: the label and the words are right, the cut after the proclitic is not.
    - ``boundary``: the label is right, the words are not.
    - ``type_and_boundary``: something overlaps, with another label and another span.
    - ``missed``: nothing overlaps.
    - ``spurious``: a claimed mention that overlaps no annotated one.
    """
    counts: Counter[Kind] = Counter()
    for a, b in zip(gold, predicted, strict=True):
        counts.update(_mistakes(a, b))
    return {kind: counts[kind] for kind in KINDS}


def _mistakes(gold: Document, predicted: Document) -> Iterable[Kind]:
    starts = find_words(gold.text)[:, 0]
    exact = {(e.start, e.end, e.label) for e in predicted.entities}
    for entity in gold.entities:
        if (entity.start, entity.end, entity.label) not in exact:
            near = [_kind(entity, own, starts) for own in _overlapping(entity, predicted)]
            yield min(near, key=KINDS.index, default="missed")
    for own in predicted.entities:
        if not any(_overlapping(own, gold)):
            yield "spurious"


def _overlapping(entity: Entity, document: Document) -> list[Entity]:
    return [e for e in document.entities if e.start < entity.end and entity.start < e.end]


def _kind(entity: Entity, own: Entity, starts: npt.NDArray[np.int64]) -> Kind:
    if entity.label != own.label:
        same = (entity.start, entity.end) == (own.start, own.end)
        return "type" if same else "type_and_boundary"
    words = np.searchsorted(starts, [entity.start, own.start], side="right")
    return "clitic" if entity.end == own.end and words[0] == words[1] else "boundary"
