"""Events denied and put off: the directional tests of CheckList (Ribeiro et al. 2020, section 2.2).

One verb is rewritten in sentences that report one event in the realis ``actual`` by one form of one
verb; where a sentence tells the event in other words too, it is left alone, for the rest of it
would still report what happened.
"""

import random
import re
from dataclasses import replace
from typing import Literal

from marsad.document import Document, Sentence
from marsad.stress.edits import Edit
from marsad.stress.finding import DAMMA, SHADDA, Found, find_verb, with_and_without_and, words_of
from marsad.stress.perturbation import Perturbed, rewrite
from marsad.stress.verbs import verb_table

Realis = Literal["negated", "planned"]

_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")


def deny(document: Document, rng: random.Random) -> Perturbed | None:
    """Deny what a sentence reports: قصفت to لم تقصف. The realis becomes ``negated``."""
    return _turn(document, "negated")


def put_off(document: Document, rng: random.Random) -> Perturbed | None:
    """Put what a sentence reports into the future: قصفت to ستقصف. The realis becomes ``planned``.

    Sentences that say when it happened, or what did not follow, are left alone.
    """
    return _turn(document, "planned")


def _turn(document: Document, realis: Realis) -> Perturbed | None:
    edits, events = [], {}
    for index, sentence in enumerate(document.sentences):
        if len(sentence.events) != 1 or sentence.events[0].realis != "actual":
            continue
        event = sentence.events[0]
        found = find_verb(document, sentence, event.type)
        if found and (realis == "negated" or not _is_past(document, sentence, found)):
            edits.append(_turn_verb(found, realis))
            events[index] = (replace(event, realis=realis),)
    return rewrite(document, edits, events=events)


def _turn_verb(found: Found, realis: Realis) -> Edit:
    """Return the edit of a verb: its conjunction stays, and so do shadda and a passive's damma."""
    start, end, written, _ = found.word
    new = found.form.denied if realis == "negated" else found.form.future
    if SHADDA not in written:
        new = new.replace(SHADDA, "")
    if DAMMA in written:
        at = new.find(" ") + 2 if " " in new else len("سي")
        new = new[:at] + DAMMA + new[at:]
    return Edit(start, end, found.conjunction + new)


def _is_past(document: Document, sentence: Sentence, found: Found) -> bool:
    """Say whether a sentence tells that what it reports is past."""
    if _YEAR.search(document.text, sentence.start, sentence.end):
        return True
    words = words_of(document.text, sentence)
    times = with_and_without_and(word.plain for word in words)
    after = with_and_without_and(word.plain for word in words if word.start > found.word.end)
    return "لم" in after or not verb_table().past_times.isdisjoint(times)
