"""Proclitics before mentions: found, attached, and fitted to what they are written on."""

import random
import re
from collections.abc import Iterator

from marsad.document import Document, Entity
from marsad.stress.edits import Edit
from marsad.stress.letters import LETTERS, MARKS, TATWEEL, bare, is_letter
from marsad.stress.lexicon import lexicon
from marsad.stress.perturbation import Perturbed, rewrite

_IN_PLACES = frozenset({"GPE", "LOC", "FAC"})
_TO_WHOM = frozenset({"GPE", "LOC", "ORG", "PER"})
_REACH = 16  # characters before a mention that hold its preposition or proclitics

_PREPOSITION = re.compile(rf"(?<![\w{MARKS}{TATWEEL}])[وف]?(?P<word>في|إلى|الى)[ \u00a0]+\Z")
_ATTACHED = re.compile(rf"[{LETTERS}{MARKS}{TATWEEL}]*\Z")
_FIRST_WORD = re.compile(rf"[{LETTERS}{MARKS}]+")


def attach(document: Document, rng: random.Random) -> Perturbed | None:
    """Write في and إلى before a place or a name as ب and ل, and put و on a sentence's first word.

    ل and the article become لل, whose first ل is the preposition (guidelines rule 1). The first
    sentence takes no و, and neither does a word whose first letter may be و or ف already.
    """
    return rewrite(document, [*_attach_prepositions(document), *_attach_conjunctions(document)])


def proclitics_of(document: Document, entity: Entity) -> str:
    """Return the letters that are written on a mention before it begins, without marks."""
    start = entity.start
    match = _ATTACHED.search(document.text[max(0, start - _REACH) : start])
    return bare(match[0]) if match else ""


def has_article(name: str) -> bool:
    """Say whether a name begins with the article rather than with ال of its own."""
    first = name.split(maxsplit=1)[0] if name else ""
    return name.startswith("ال") and len(first) > 3 and first not in lexicon().no_article


def written_after(name: str, proclitics: str) -> str:
    """Return the surface of a name after its proclitics: after ل the article loses its ا.

    A name whose first letter is ل loses the article's ل too: three are never written (للاذقية).
    """
    if not proclitics.endswith("ل") or not has_article(name):
        return name
    return name[2:] if name.startswith("الل") else name[1:]


def read_after(mention: str, proclitics: str) -> tuple[str, ...]:
    """Return the names that a mention may be the surface of, without marks: لقاهرة is القاهرة."""
    name = bare(mention)
    if proclitics.endswith("ل") and name.startswith("ل"):
        return (f"ا{name}", f"ال{name}", name)
    return (name,)


def _attach_prepositions(document: Document) -> Iterator[Edit]:
    done = 0
    for entity in sorted(document.entities):
        before = document.text[max(0, entity.start - _REACH) : entity.start]
        match = _PREPOSITION.search(before)
        start = entity.start - len(before) + (match.start("word") if match else 0)
        if match and start >= done and is_letter(document.text[entity.start]):
            yield from _attach_preposition(document, entity, match["word"], start)
        done = entity.end


def _attach_preposition(
    document: Document, entity: Entity, word: str, start: int
) -> Iterator[Edit]:
    if word == "في" and entity.label in _IN_PLACES:
        yield Edit(start, entity.start, "ب")
    elif word != "في" and entity.label in _TO_WHOM:
        mention = document.mention(entity)
        lost = len(mention) - len(written_after(mention, "ل"))
        yield Edit(start, entity.start, "ل")
        yield Edit(entity.start, entity.start + lost, "")


def _attach_conjunctions(document: Document) -> Iterator[Edit]:
    mentions = {entity.start for entity in document.entities}
    for sentence in document.sentences[1:]:
        word = _FIRST_WORD.match(document.text, sentence.start)
        own = sentence.start in mentions or (word and (word[0] == "في" or word[0][0] not in "وف"))
        if word and own:
            yield Edit(sentence.start, sentence.start, "و")
