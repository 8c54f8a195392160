"""What a stress is, and how a document is rewritten with its annotation moved along.

The suite follows CheckList (Ribeiro et al. 2020, "Beyond Accuracy: Behavioral Testing of NLP
Models with CheckList"): an invariance test changes the text and expects the same answer, a
directional test changes it so that the answer has to change in a known way.
"""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from marsad.document import Document, Entity, Event, Sentence
from marsad.stress.edits import Edit, Edited, apply_edits


@dataclass(frozen=True)
class Perturbed:
    """A document, rewritten: as many sentences as the source, the same mentions in their order.

    ``group`` is the group that a filler stands for, None where no group is meant; ``touched`` are
    the indices of the sentences whose text or events changed.
    """

    source: Document
    document: Document
    group: str | None
    touched: tuple[int, ...]


Perturb = Callable[[Document, random.Random], Perturbed | None]


@dataclass(frozen=True)
class Stress:
    """A perturbation with its name, a line about it and what it does to the gold annotation.

    ``invariant``: labels, events and realis stay. ``directional``: the realis of an event changes.
    ``perturb`` returns None where a document has nothing to change.
    """

    name: str
    about: str
    kind: Literal["invariant", "directional"]
    perturb: Perturb


def rewrite(
    document: Document,
    edits: Iterable[Edit],
    *,
    group: str | None = None,
    events: Mapping[int, tuple[Event, ...]] | None = None,
) -> Perturbed | None:
    """Edit the text of a document and move its annotation along.

    Args:
        document: the source.
        edits: replacements in its text.
        group: the group that the fillers stand for.
        events: new events of sentences, by index; the others keep theirs.

    Returns:
        The rewritten document, or None where no sentence changed.

    Raises:
        ValueError: edits overlap or lie outside the text.
    """
    edited = apply_edits(document.text, edits)
    new = replace(
        document,
        text=edited.text,
        sentences=tuple(
            _move_sentence(sentence, edited, (events or {}).get(index, sentence.events))
            for index, sentence in enumerate(document.sentences)
        ),
        entities=tuple(_move_entity(entity, edited) for entity in document.entities),
    )
    touched = tuple(_changed(document, new))
    return Perturbed(document, new, group, touched) if touched else None


def _move_sentence(sentence: Sentence, edited: Edited, events: tuple[Event, ...]) -> Sentence:
    """Return the sentence in the new text, without spaces at its edges."""
    start, end = edited.stretch(sentence.start, sentence.end)
    piece = edited.text[start:end]
    lead = len(piece) - len(piece.lstrip())
    return Sentence(start + lead, start + max(lead, len(piece.rstrip())), events)


def _move_entity(entity: Entity, edited: Edited) -> Entity:
    start, end = edited.mention(entity.start, entity.end)
    return replace(entity, start=start, end=end)


def _changed(old: Document, new: Document) -> Iterable[int]:
    for index, (a, b) in enumerate(zip(old.sentences, new.sentences, strict=True)):
        if old.text[a.start : a.end] != new.text[b.start : b.end] or a.events != b.events:
            yield index
