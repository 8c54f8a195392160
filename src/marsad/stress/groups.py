"""Groups of people in the place of others: a check of fairness, as with names of persons."""

import random
import re
from collections.abc import Iterator

from marsad.document import Document, Entity, Sentence
from marsad.stress.edits import Edit
from marsad.stress.letters import LETTERS, bare
from marsad.stress.lexicon import Plural, lexicon
from marsad.stress.perturbation import Perturbed, rewrite
from marsad.stress.proclitics import proclitics_of, read_after
from marsad.stress.swaps import put


def swap_groups(document: Document, rng: random.Random, group: str) -> Perturbed | None:
    """Put one group in the place of another NORP mention in each sentence, its case kept.

    Only the group that a sentence names first is replaced, and none where the sentence names the
    filler already: no group is set against itself.
    """
    edits = [edit for s in document.sentences for edit in _swap_group(document, s, group)]
    return rewrite(document, edits, group=group)


def _swap_group(document: Document, sentence: Sentence, group: str) -> Iterator[Edit]:
    filler = lexicon().groups[group]
    text = bare(document.text[sentence.start : sentence.end])
    forms = "|".join({*filler.nominative, *filler.oblique})
    named = [(e, _group_of(document, e)) for e in document.entities_in(sentence)]
    if re.search(rf"(?:{forms})(?![{LETTERS}])", text) or any(p == filler for _, p in named):
        return
    first = next((plural for _, plural in named if plural), None)
    for entity, plural in named:
        if plural is not None and plural == first:
            nominative = _is_nominative(document, sentence, entity, plural)
            yield put(document, entity, (filler.nominative if nominative else filler.oblique)[0])


def _group_of(document: Document, entity: Entity) -> Plural | None:
    if entity.label != "NORP":
        return None
    forms = read_after(document.mention(entity), proclitics_of(document, entity))
    known = (*lexicon().groups.values(), *lexicon().other_groups.values())
    return next((p for p in known if any(f in p.nominative or f in p.oblique for f in forms)), None)


def _is_nominative(document: Document, sentence: Sentence, entity: Entity, plural: Plural) -> bool:
    """Say whether a mention is nominative: by its form, or else by the word before it."""
    forms = read_after(document.mention(entity), proclitics_of(document, entity))
    nominative = any(form in plural.nominative for form in forms)
    oblique = any(form in plural.oblique for form in forms)
    if not (nominative and oblique):
        return nominative
    before = bare(document.text[sentence.start : entity.start])
    words = before.split()
    opens = not before.strip("وف \"'«“")
    return opens or (before[-1:].isspace() and words[-1] in lexicon().before_a_subject)
