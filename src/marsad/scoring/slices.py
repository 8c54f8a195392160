"""Slices: the same figures of parts of the data, for a good mean can hide a bad part."""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from marsad.document import Document, Entity, Sentence
from marsad.scoring.entities import paired
from marsad.scoring.events import event_counts
from marsad.scoring.matching import entity_counts
from marsad.scoring.ruler import Ruler
from marsad.scoring.tables import Score
from marsad.scoring.uncertainty import Counts, Interval, intervals_of, micro_f1
from marsad.text.words import count_words

DESCRIBED = ("country", "genre")  # fields of a document's meta that data are cut by
OTHERS = "others"
_FEWEST = 3  # documents of a value; those of a rarer one are OTHERS
_LENGTHS = (0, 10, 20, 30, math.inf)  # words a sentence

Pairs = Sequence[tuple[Document, Document]]


@dataclass(frozen=True)
class SliceScore:
    """Micro F1 of a slice with its 95 % interval, None for few documents.

    ``support`` decisions were annotated, ``predicted`` claimed.
    """

    f1: float
    interval: Interval | None
    support: int
    predicted: int


@dataclass(frozen=True)
class Slice:
    """A part of the data; ``entities`` are scored strictly, ``events`` as types of sentences.

    None where a ruler or a system has none.
    """

    documents: int
    sentences: int
    entities: SliceScore | None
    events: SliceScore | None


def score_slices(
    gold: Sequence[Document],
    own: Sequence[Document],
    ruler: Ruler,
    *,
    entities: bool = True,
    events: bool = True,
) -> dict[str, dict[str, Slice]]:
    """Score parts of the data, by what the documents' meta say and by the length of sentences.

    Args:
        gold: annotated documents.
        own: the same documents as predicted, on the same sentences.
        ruler: whose names are scored.
        entities: whether the system reads them.
        events: likewise.

    Returns:
        By what the data are cut by, by the name of the part; nothing that would be all of the data.
    """
    pairs = [(ruler.read(a), ruler.read(b)) for a, b in zip(gold, own, strict=True)]
    names = ruler.entities if entities else (), ruler.events if events else ()
    cuts = {key: _by_meta(pairs, key) for key in DESCRIBED}
    cuts["words a sentence"] = dict(_by_length(pairs))
    return {
        cut: {name: _slice(part, *names) for name, part in parts.items()}
        for cut, parts in cuts.items()
        if len(parts) > 1
    }


def _by_meta(pairs: Pairs, key: str) -> dict[str, Pairs]:
    """Return documents by the value of a field, the most frequent first, OTHERS last."""
    named = (gold.meta.get(key) for gold, _ in pairs)
    values = [value if isinstance(value, str) and value else OTHERS for value in named]
    counts = Counter(values)
    kept = [v for v, count in counts.most_common() if count >= _FEWEST and v != OTHERS]
    filed = [value if value in kept else OTHERS for value in values]
    parts = {
        name: [pair for pair, value in zip(pairs, filed, strict=True) if value == name]
        for name in (*kept, OTHERS)
    }
    return {name: part for name, part in parts.items() if part}


def _by_length(pairs: Pairs) -> Iterator[tuple[str, Pairs]]:
    for low, high in pairwise(_LENGTHS):
        parts = [_of_length(gold, own, low, high) for gold, own in pairs]
        if part := [pair for pair in parts if pair[0].sentences]:
            yield f"more than {low}" if math.isinf(high) else f"{low + 1} to {high}", part


def _of_length(gold: Document, own: Document, low: float, high: float) -> tuple[Document, Document]:
    """Return what two versions say of the sentences of more than ``low`` words, up to ``high``."""
    chosen = [
        number
        for number, sentence in enumerate(gold.sentences)
        if low < count_words(gold.text[sentence.start : sentence.end]) <= high
    ]
    return _only(gold, gold.sentences, chosen), _only(own, gold.sentences, chosen)


def _only(document: Document, cut: Sequence[Sentence], chosen: Sequence[int]) -> Document:
    """Return some sentences with the mentions that begin in them."""
    starts, ends = ([getattr(cut[n], edge) for n in chosen] for edge in ("start", "end"))

    def begins_inside(entity: Entity) -> bool:
        before = bisect_right(starts, entity.start) - 1
        return before >= 0 and entity.start < ends[before]

    return replace(
        document,
        sentences=tuple(document.sentences[number] for number in chosen),
        entities=tuple(filter(begins_inside, document.entities)),
    )


def _slice(pairs: Pairs, labels: Sequence[str], types: Sequence[str]) -> Slice:
    gold, own = ([pair[side] for pair in pairs] for side in range(2))
    return Slice(
        documents=len(pairs),
        sentences=sum(len(document.sentences) for document in gold),
        entities=_score(entity_counts(paired(gold, own), labels, "strict")) if labels else None,
        events=_score(event_counts(gold, own, types)) if types else None,
    )


def _score(counts: Counts) -> SliceScore:
    (interval,) = intervals_of(counts, micro_f1)
    micro = Score.of(counts.sum(axis=(0, 1)))
    return SliceScore(micro.f1, interval, micro.support, micro.predicted)
