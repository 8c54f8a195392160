"""Votes: what several models say of one text, and how many of them say it.

Models that were trained alike but for chance or data err in different places, so what most of them
report is right more often than what one does (Breiman 1996, "Bagging Predictors").
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from marsad.corpus import sound_entities
from marsad.document import VOTES, Document, Entity, Event, Sentence


def vote(answers: Sequence[Document]) -> Document:
    """Return what models report of one text, each mention and event with the share that says so.

    Where the letters of a mention are, elsewhere in the text, a mention of the same label for more
    than half of the models, it has the share of that one: one name in one text is one thing (Gale,
    Church and Yarowsky 1992, "One Sense Per Discourse"). Of mentions that overlap the one with
    more votes stays, then the longer, then the earlier one. What annotated documents must not hold
    is left out.

    Args:
        answers: of each model the same text, cut into the same sentences.

    Returns:
        An annotated document whose scores are shares of the models; what half of them or fewer
        report is unsure.
    """
    first = answers[0]
    votes = Counter(replace(entity, score=None) for answer in answers for entity in answer.entities)
    agreed: dict[tuple[str, str], int] = {}
    for entity, count in votes.items():
        if 2 * count > len(answers):
            name = first.mention(entity), entity.label
            agreed[name] = max(count, agreed.get(name, 0))
    counts = {e: agreed.get((first.mention(e), e.label), own) for e, own in votes.items()}
    ranked = sorted(votes, key=lambda e: (-votes[e], -counts[e], e.start - e.end, e.start))
    sound = set(sound_entities(replace(first, entities=tuple(ranked))))
    kept = _apart(entity for entity in ranked if entity in sound)
    return Document(
        id=first.id,
        text=first.text,
        sentences=tuple(
            _sentence(same) for same in zip(*(a.sentences for a in answers), strict=True)
        ),
        entities=tuple(sorted(replace(e, score=counts[e] / len(answers)) for e in kept)),
        meta={**first.meta, VOTES: len(answers)},
    )


def _apart(entities: Iterable[Entity]) -> list[Entity]:
    """Return mentions that do not overlap, the first of each that do."""
    taken: list[Entity] = []
    for entity in entities:
        if all(entity.end <= other.start or other.end <= entity.start for other in taken):
            taken.append(entity)
    return taken


def _sentence(answers: Sequence[Sentence]) -> Sentence:
    """Return a sentence with the types that models report, each with its usual realis."""
    found = [event for answer in answers for event in answer.events]
    return replace(answers[0], events=tuple(_events(found, len(answers))))


def _events(found: Sequence[Event], models: int) -> Iterator[Event]:
    for name, count in Counter(event.type for event in found).items():
        realis = Counter(event.realis for event in found if event.type == name)
        yield Event(name, realis.most_common(1)[0][0], count / models)
