"""Event verbs and their forms: past, present, jussive and future, from ``verbs.yaml``."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

import yaml

from marsad.stress.letters import bare

VERBS_FILE = Path(__file__).with_name("verbs.yaml")

_SECOND_STEM = re.compile(r"..\u0651.")  # فعّل, whose present تفعّل is also a past, تفعّل
_PRONOUN = "(?:ه|ها|هم|هن|هما|ني|نا|ك|كم)?"
_PAST_ENDING = rf"(?:ت|تا|وا?|نا|ن|تم|ا)?{_PRONOUN}"
_PRESENT_ENDING = rf"(?:وا?|ون|ان|ا|ين|ن)?{_PRONOUN}"
_PREFIX = "[وف]?(?:[بك]?ال|لل|[بلك])?"


class Form(NamedTuple):
    """One form of a verb and the words that deny it and put it off, without a conjunction.

    ``doubtful``: the form is also written like a noun or like a form of another verb.
    """

    denied: str
    future: str
    doubtful: bool
    scope: bool


@dataclass(frozen=True)
class Verb:
    """A verb in the third person masculine singular; ``verbs.yaml`` explains the fields."""

    past: str
    present: str
    jussive: str
    noun: bool = False
    scope: bool = False

    def forms(self) -> Iterator[tuple[str, Form]]:
        """Yield the forms that can be rewritten, without marks: singular and masculine plural."""
        for past, present, jussive in self.persons():
            doubtful = self.noun and past == self.past
            yield bare(past), self._form(jussive, present, doubtful=doubtful)
            second = present.startswith("ت") and _SECOND_STEM.match(self.past) is not None
            yield bare(present), self._form(jussive, present, doubtful=second)

    def pattern(self) -> str:
        """Return a regular expression for any form of the verb, pronouns attached."""
        past, present = (bare(form).rstrip("ىاي") for form in (self.past, self.present))
        jussive = bare(self.jussive)[1:]
        return (
            rf"{past}[ىي]?{_PAST_ENDING}|س?[يتنأ](?:{present[1:]}[يىو]?|{jussive}){_PRESENT_ENDING}"
        )

    def persons(self) -> Iterator[tuple[str, str, str]]:
        """Yield past, present and jussive of the masculine, the feminine and the plural."""
        weak = self.past.endswith(("ى", "ا"))
        feminine = (self.past[:-1] if weak else self.past) + "ت"
        yield self.past, self.present, self.jussive
        yield feminine, f"ت{self.present[1:]}", f"ت{self.jussive[1:]}"
        if not self.past.endswith(("أ", "ء", "ئ")):
            past, present = self.past.rstrip("ىاي"), self.present.rstrip("ىيو")
            yield f"{past}وا", f"{present}ون", f"{present}وا"

    def _form(self, jussive: str, present: str, *, doubtful: bool) -> Form:
        return Form(f"لم {jussive}", f"س{present}", doubtful, self.scope)


@dataclass(frozen=True)
class TypeVerbs:
    """The verbs of an event type, and how its other words begin."""

    verbs: tuple[Verb, ...]
    signs: tuple[str, ...]

    @cached_property
    def forms(self) -> Mapping[str, Form]:
        """The forms of all verbs that can be rewritten, by their surface without marks."""
        forms: dict[str, Form] = {}
        for verb in self.verbs:
            for surface, form in verb.forms():
                forms.setdefault(surface, form)
        return forms

    @cached_property
    def any_form(self) -> re.Pattern[str]:
        """A whole word that is a form of one of the verbs."""
        return re.compile(f"{_PREFIX}(?:{'|'.join(verb.pattern() for verb in self.verbs)})")

    @cached_property
    def sign(self) -> re.Pattern[str]:
        """The beginning of a word that tells of the type without one of the verbs."""
        return re.compile(f"{_PREFIX}(?:{'|'.join(self.signs)})")


@dataclass(frozen=True)
class VerbTable:
    """The verbs of all types and the words around a verb that decide whether it is rewritten."""

    types: Mapping[str, TypeVerbs]
    before: frozenset[str]
    earlier: frozenset[str]
    later: frozenset[str]
    before_verbs: frozenset[str]
    past_times: frozenset[str]

    @cached_property
    def past_forms(self) -> frozenset[str]:
        """The past forms of all verbs that are written like nothing else."""
        return frozenset(
            bare(past)
            for verbs in self.types.values()
            for verb in verbs.verbs
            for past, _, _ in verb.persons()
            if not (verb.noun and past == verb.past)
        )


@cache
def verb_table() -> VerbTable:
    """Return the table, read once."""
    raw = yaml.safe_load(VERBS_FILE.read_text(encoding="utf-8"))
    return VerbTable(
        types={
            name: TypeVerbs(
                tuple(Verb(**{"jussive": verb["present"], **verb}) for verb in entry["verbs"]),
                (*entry["signs"],),
            )
            for name, entry in raw["types"].items()
        },
        before=frozenset(raw["before"]),
        earlier=frozenset(raw["earlier"]),
        later=frozenset(raw["later"]),
        before_verbs=frozenset(raw["before_verbs"]),
        past_times=frozenset(raw["past_times"]),
    )
