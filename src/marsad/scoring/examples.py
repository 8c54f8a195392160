"""Examples: of each name one answer that is right and one that is not, drawn by chance.

Drawn, not chosen: the first of each by a hash of where it stands, so that nobody picks what looks
well, and whoever scores again finds the same.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from marsad.document import Document, Entity
from marsad.scoring.entities import paired
from marsad.scoring.ruler import Ruler


@dataclass(frozen=True)
class Example:
    """A sentence, and what was annotated and claimed in it; each side may be nothing.

    Of a mention ``label: letters``, of events the types of the sentence.
    """

    document: str
    sentence: str
    annotated: tuple[str, ...]
    claimed: tuple[str, ...]


@dataclass(frozen=True)
class Examples:
    """A right answer and a wrong one; None where there is none."""

    right: Example | None
    wrong: Example | None


_Found = tuple[str, bool, Example]  # name, whether it is right


def draw_examples(
    gold: Sequence[Document],
    own: Sequence[Document],
    ruler: Ruler,
    *,
    entities: bool = True,
    events: bool = True,
) -> dict[str, Mapping[str, Examples]]:
    """Draw examples of ``entities`` and ``events`` by the name that is annotated.

    A claim where nothing is annotated stands under the name that was claimed.

    Args:
        gold: annotated documents.
        own: the same documents as predicted, on the same sentences.
        ruler: whose names are scored.
        entities: whether the system reads them.
        events: likewise.
    """
    sides = ([ruler.read(document) for document in side] for side in (gold, own))
    read = list(zip(*sides, strict=True))
    drawn = {
        "entities": _draw(_mentions(read), ruler.entities if entities else ()),
        "events": _draw(_types(read), ruler.events if events else ()),
    }
    return {task: of_names for task, of_names in drawn.items() if of_names}


def _draw(found: Iterator[_Found], names: Sequence[str]) -> dict[str, Examples]:
    first: dict[tuple[str, bool], Example] = {}
    for name, right, example in sorted(found, key=_place):
        first.setdefault((name, right), example)
    return {name: Examples(first.get((name, True)), first.get((name, False))) for name in names}


def _place(found: _Found) -> str:
    name, _, example = found
    place = f"{name} {example.document} {example.sentence} {example.annotated}"
    return hashlib.sha256(place.encode("utf-8", "surrogatepass")).hexdigest()


def _mentions(read: Sequence[tuple[Document, Document]]) -> Iterator[_Found]:
    pairs = paired([gold for gold, _ in read], [own for _, own in read])
    for (document, _), same in zip(read, pairs, strict=True):
        for pair in same:
            about = pair.gold or pair.own
            assert about
            example = Example(
                document.id,
                _around(document, about),
                tuple(_shown(document, e) for e in (pair.gold,) if e),
                tuple(_shown(document, e) for e in (pair.own,) if e),
            )
            yield about.label, pair.same_label and pair.same_span, example


def _shown(document: Document, entity: Entity) -> str:
    return f"{entity.label}: {document.mention(entity)}"


def _around(document: Document, entity: Entity) -> str:
    """Return the sentence that a mention begins in, or the mention where that is in none."""
    spans = ((s.start, s.end) for s in document.sentences)
    mention = entity.start, entity.end
    start, end = next(((a, b) for a, b in spans if a <= entity.start < b), mention)
    return document.text[start:end]


def _types(read: Sequence[tuple[Document, Document]]) -> Iterator[_Found]:
    for gold, own in read:
        for one, other in zip(gold.sentences, own.sentences, strict=True):
            annotated, claimed = ({e.type for e in s.events} for s in (one, other))
            text = gold.text[one.start : one.end]
            example = Example(gold.id, text, tuple(sorted(annotated)), tuple(sorted(claimed)))
            for name in sorted(annotated | claimed):
                yield name, name in annotated and name in claimed, example
