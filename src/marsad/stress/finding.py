"""The one verb by which a sentence reports an event, where there is just one."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from marsad.document import Document, Sentence
from marsad.stress.letters import WORD, bare
from marsad.stress.verbs import Form, TypeVerbs, verb_table

DAMMA, SHADDA = "\u064f", "\u0651"

_CLAUSE_END = re.compile(r"[.،؛:!؟]")
_CONSEQUENCE = re.compile("ف(?:[اأ]..|قتل|جرح|دمر|سقط|وقع).*")  # فأصيب: what came of it
_FIRST_OR_SECOND_PERSON = ("تُ", "تَ", "تِ")


class Word(NamedTuple):
    """A word of a text: where it stands, as it is written and without marks."""

    start: int
    end: int
    written: str
    plain: str


class Found(NamedTuple):
    """A form of a verb in a text, with the conjunction that is written on it."""

    word: Word
    conjunction: str
    form: Form


def words_of(text: str, sentence: Sentence) -> list[Word]:
    """Return the Arabic words of a sentence."""
    matches = WORD.finditer(text, sentence.start, sentence.end)
    return [Word(*match.span(), match[0], bare(match[0])) for match in matches]


def with_and_without_and(words: Iterable[str]) -> Iterator[str]:
    """Yield each word, and without a first و or ف where it has one."""
    for word in words:
        yield word
        if word[0] in "وف":
            yield word[1:]


def find_verb(document: Document, sentence: Sentence, event_type: str) -> Found | None:
    """Return the one verb form by which a sentence reports an event, or None.

    None where there are several forms, where other words tell the event too, and where the form is
    inside a mention, doubtful, or among words that forbid to rewrite it.
    """
    verbs = verb_table().types.get(event_type)
    if verbs is None:
        return None
    words = words_of(document.text, sentence)
    all_found = [f for i in range(len(words)) if (f := _read(words, i, sentence, verbs))]
    if len(all_found) != 1:
        return None
    found = all_found[0]
    rest = [word for word in words if word != found.word]
    signs = [word for word in rest if verbs.sign.match(word.plain)]
    if any(verbs.any_form.fullmatch(word.plain) for word in rest if word not in signs):
        return None
    outside = _outside(document.text, signs, found)
    return None if outside or _is_blocked(document, words, found.word) else found


def _read(words: Sequence[Word], index: int, sentence: Sentence, verbs: TypeVerbs) -> Found | None:
    """Read a word as a form of one of the verbs, alone or behind و or ف."""
    word = words[index]
    starters = verb_table().before_verbs
    for conjunction in ("", word.plain[0]):
        form = verbs.forms.get(word.plain.removeprefix(conjunction))
        if form is None or conjunction not in ("", "و", "ف"):
            continue
        opens = conjunction == "ف" or (conjunction == "و" and word.start == sentence.start)
        marked = DAMMA in word.written or SHADDA in word.written
        starts = index > 0 and words[index - 1].plain in starters
        if not form.doubtful or opens or marked or starts:
            return Found(word, conjunction, form)
    return None


def _is_blocked(document: Document, words: Sequence[Word], verb: Word) -> bool:
    """Say whether a verb lies in a mention, or the words around it forbid to rewrite it."""
    if any(e.start < verb.end and verb.start < e.end for e in document.entities):
        return True
    table = verb_table()
    before = [word for word in words if word.end < verb.start]
    after = [word.plain for word in words if word.start > verb.end]
    joined = [w.plain for w in before[-1:] if document.text[w.end : verb.start].isspace()]
    return (
        verb.written.endswith(_FIRST_OR_SECOND_PERSON)
        or not table.before.isdisjoint(with_and_without_and(joined))
        or not table.earlier.isdisjoint(word.plain for word in before)
        or not table.later.isdisjoint(with_and_without_and(after))
        or not table.past_forms.isdisjoint(with_and_without_and(after))
        or any(_CONSEQUENCE.fullmatch(word) for word in after)
    )


def _outside(text: str, signs: Sequence[Word], found: Found) -> bool:
    """Say whether a sign of the event lies outside what the verb's denial reaches."""
    if not found.form.scope:
        return bool(signs)
    stop = _CLAUSE_END.search(text, found.word.end)
    reach = range(found.word.end, stop.start() if stop else len(text))
    return len(signs) > 1 or any(sign.start not in reach for sign in signs)
