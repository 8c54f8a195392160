"""The hand-written lexicons of the stress suite: ``lexicon.yaml`` and ``names.yaml``."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

LEXICON_FILE = Path(__file__).with_name("lexicon.yaml")
NAMES_FILE = Path(__file__).with_name("names.yaml")

Names = tuple[str, ...]


@dataclass(frozen=True)
class Plural:
    """A group as a definite plural; the first form of a case fills in, all are recognised."""

    nominative: Names
    oblique: Names


@dataclass(frozen=True)
class People:
    """Names of persons that readers associate with one group, two words each."""

    male: Names
    female: Names


@dataclass(frozen=True)
class Lexicon:
    """What stands in for what: places and factions by kind, groups and persons by group."""

    places: Mapping[str, Names]
    factions: Mapping[str, Names]
    groups: Mapping[str, Plural]
    other_groups: Mapping[str, Plural]
    people: Mapping[str, People]
    before_a_woman: frozenset[str]
    women: frozenset[str]
    before_a_subject: frozenset[str]
    no_article: frozenset[str]
    keyboard: tuple[Names, ...]


@cache
def lexicon() -> Lexicon:
    """Return the lexicon, read once."""
    raw = yaml.safe_load(LEXICON_FILE.read_text(encoding="utf-8"))
    people = yaml.safe_load(NAMES_FILE.read_text(encoding="utf-8"))
    return Lexicon(
        places={kind: (*names,) for kind, names in raw["places"].items()},
        factions={shape: (*names,) for shape, names in raw["factions"].items()},
        groups=_plurals(raw["groups"]),
        other_groups=_plurals(raw["other_groups"]),
        people={g: People((*v["male"],), (*v["female"],)) for g, v in people.items()},
        before_a_woman=frozenset(raw["before_a_woman"]),
        women=frozenset(raw["women"]),
        before_a_subject=frozenset(raw["before_a_subject"]),
        no_article=frozenset(raw["no_article"]),
        keyboard=tuple((*row,) for row in raw["keyboard"]),
    )


def _plurals(raw: Mapping[str, Mapping[str, list[str]]]) -> dict[str, Plural]:
    return {g: Plural((*v["nominative"],), (*v["oblique"],)) for g, v in raw.items()}
