"""Answers: the annotated documents with what a system says of them in place of the annotation."""

from collections.abc import Iterable
from dataclasses import replace

from marsad.document import Document, Entity


def answer(gold: Document, entities: Iterable[Entity], coverage: float = 1.0) -> Document:
    """Return the document with a system's entities, and without events.

    Args:
        gold: the annotated document; it gives id, text, meta and the offsets of sentences.
        entities: what the system found, in any order.
        coverage: the share of the words that it read.
    """
    return replace(
        gold,
        sentences=tuple(replace(sentence, events=()) for sentence in gold.sentences),
        entities=unique(entities),
        coverage=coverage,
        warnings=None,
        model=None,
    )


def no_answer(gold: Document) -> Document:
    """Return the document as a system answers that never saw it."""
    return answer(gold, (), coverage=0.0)


def unique(entities: Iterable[Entity]) -> tuple[Entity, ...]:
    """Return entities in the order of the text; of several on one span and label, the first."""
    first: dict[tuple[int, int, str], Entity] = {}
    for entity in entities:
        first.setdefault((entity.start, entity.end, entity.label), entity)
    return tuple(first[key] for key in sorted(first))
