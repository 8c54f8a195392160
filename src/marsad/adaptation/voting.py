"""Votes: what most of several models say of one text.

Models that were trained alike but for chance or data err in different places, so what most of them
report is right more often than what one does (Breiman 1996, "Bagging Predictors").
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from marsad.corpus import is_sound_entity
from marsad.document import Document, Entity, Event, Sentence


def vote(answers: Sequence[Document]) -> Document:
    """Return what more than half of the models report of one text.

    A mention of fewer counts too where its letters are, elsewhere in the text, a mention of the
    same label for most of them: one name in one text is one thing (Gale, Church and Yarowsky 1992,
    "One Sense Per Discourse"). Of mentions that overlap the one with more votes stays, then the
    longer, then the earlier one. What annotated documents must not hold is left out.

    Args:
        answers: of each model the same text, cut into the same sentences.

    Returns:
        An annotated document without scores.
    """
    first, least = answers[0], len(answers) // 2 + 1
    votes = Counter(replace(entity, score=None) for answer in answers for entity in answer.entities)
    agreed = {(first.mention(e), e.label) for e, count in votes.items() if count >= least}
    wanted = [e for e in votes if (first.mention(e), e.label) in agreed]
    wanted.sort(key=lambda e: (-votes[e], e.start - e.end, e.start))
    return Document(
        id=first.id,
        text=first.text,
        sentences=tuple(
            _sentence(same, least) for same in zip(*(a.sentences for a in answers), strict=True)
        ),
        entities=tuple(sorted(_apart(e for e in wanted if is_sound_entity(first, e)))),
        meta=first.meta,
    )


def _apart(entities: Iterable[Entity]) -> list[Entity]:
    """Return mentions that do not overlap, the first of each that do."""
    taken: list[Entity] = []
    for entity in entities:
        if all(entity.end <= other.start or other.end <= entity.start for other in taken):
            taken.append(entity)
    return taken


def _sentence(answers: Sequence[Sentence], least: int) -> Sentence:
    """Return a sentence with the types that enough models report, each with its usual realis."""
    found = [event for answer in answers for event in answer.events]
    types = Counter(event.type for event in found)
    return replace(
        answers[0], events=tuple(_events(found, [t for t in types if types[t] >= least]))
    )


def _events(found: Sequence[Event], types: Sequence[str]) -> Iterator[Event]:
    for name in types:
        realis = Counter(event.realis for event in found if event.type == name)
        yield Event(name, realis.most_common(1)[0][0])
