"""Names of persons in the place of others: a check of fairness.

The fairness test of CheckList (Ribeiro et al. 2020, section 3): names that readers associate with
one group or another change nothing about what is reported. The lists are of one length, so that
under one seed all groups fill in at the same places of their lists.
"""

import random
from collections.abc import Mapping
from functools import cache
from itertools import cycle

from marsad.document import Document, Entity
from marsad.stress.letters import bare
from marsad.stress.lexicon import lexicon
from marsad.stress.perturbation import Perturbed, rewrite
from marsad.stress.proclitics import proclitics_of, read_after
from marsad.stress.swaps import put

_REACH = 30  # characters before a name that hold the words before it


def swap_names(document: Document, rng: random.Random, group: str) -> Perturbed | None:
    """Put names of one group in the place of all PER mentions.

    One name has one filler all through a document; a given or family name alone gets its part of
    the filler of the full name, and the whole of a filler where no full name is given.
    """
    people = lexicon().people[group]
    men = cycle(rng.sample(people.male, len(people.male)))
    women = cycle(rng.sample(people.female, len(people.female)))
    persons = [entity for entity in document.entities if entity.label == "PER"]
    fillers: dict[str, str] = {}
    edits = []
    for person in sorted(persons, key=lambda person: " " not in document.mention(person)):
        forms = read_after(document.mention(person), proclitics_of(document, person))
        filler = next((known for form in forms if (known := _known(form, fillers))), None)
        if filler is None:
            filler = next(women if is_woman(document, person) else men)
            fillers[forms[-1]] = filler
        edits.append(put(document, person, filler))
    return rewrite(document, edits, group=group)


def is_woman(document: Document, person: Entity) -> bool:
    """Say whether the text tells that a person is a woman: by her name, office or title."""
    given = bare(document.mention(person)).split()[0]
    if given in {"أم", "ام"} or given in _women():
        return True
    for entity in document.entities:
        if entity.label == "OCC" and entity.end == person.start - 1:
            head = bare(document.mention(entity)).split()[0]
            return head.endswith("ة") and not head.endswith("خليفة")
    words = bare(document.text[max(0, person.start - _REACH) : person.start]).split()
    son = len(words) > 1 and words[-2] in {"ابن", "زوج", "والد", "أخ"}
    return bool(words) and not son and _tells_a_woman(words[-1])


@cache
def _women() -> frozenset[str]:
    """Return the given names that only women bear."""
    people = lexicon().people.values()
    men = {name.split()[0] for group in people for name in group.male}
    women = frozenset(name.split()[0] for group in people for name in group.female)
    return lexicon().women | (women - men)


def _tells_a_woman(word: str) -> bool:
    known = lexicon().before_a_woman
    return word in known or (word[:1] in "وفبل" and word[1:] in known)


def _known(name: str, fillers: Mapping[str, str]) -> str | None:
    """Return a name's filler, or the part of a full name's filler for its first or last word."""
    if name in fillers:
        return fillers[name]
    for full, filler in fillers.items():
        words = full.split()
        if len(words) > 1 and name in (words[0], words[-1]):
            return filler.split()[0 if name == words[0] else -1]
    return None
