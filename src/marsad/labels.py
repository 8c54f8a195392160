"""The label scheme, read from ``labels.yaml``: the only source of label names.

The scheme is a frozen value. Its :attr:`Scheme.digest` travels with every model, so that a model
trained under one scheme is never read under another.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from marsad.errors import ModelError, did_you_mean

OUTSIDE = "O"
SCHEME_FILE = Path(__file__).with_name("labels.yaml")

# libyaml where PyYAML was built with it: safe as the other, and ten times as fast.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class EntityLabel:
    """One entity label, its Arabic gloss and the CoNLL-4 class that it rolls up to."""

    name: str
    gloss: str
    conll: str
    about: str


@dataclass(frozen=True)
class EventType:
    """One event type with its family and its nearest ACLED, PLOVER and CAMEO categories."""

    name: str
    family: str
    gloss: str
    acled: str | None
    plover: tuple[str, ...]
    cameo: tuple[str, ...]


@dataclass(frozen=True)
class Gloss:
    """A named value with its Arabic gloss: a realis or a family of event types."""

    name: str
    gloss: str
    about: str = ""


@dataclass(frozen=True)
class Source:
    """A corpus with other labels, and which of ours each of them may be.

    An empty tuple: none of ours, or any. Our labels that no label of the corpus may be are not
    annotated there.
    """

    name: str
    entities: Mapping[str, tuple[str, ...]]
    events: Mapping[str, tuple[str, ...]]

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """BIO tags of its entity labels, as :attr:`Scheme.tags` has them of ours."""
        return bio_tags(self.entities)


def bio_tags(labels: Iterable[str]) -> tuple[str, ...]:
    """Return BIO (IOB2) tags: ``O`` first, then ``B-`` and ``I-`` of each label in turn."""
    return (OUTSIDE, *(f"{bi}-{name}" for name in labels for bi in "BI"))


@dataclass(frozen=True)
class Scheme:
    """All labels, in the order in which models number them."""

    version: int
    entities: tuple[EntityLabel, ...]
    events: tuple[EventType, ...]
    realis: tuple[Gloss, ...]
    families: tuple[Gloss, ...]
    sources: Mapping[str, Source] = field(default_factory=dict)

    @cached_property
    def entity_names(self) -> tuple[str, ...]:
        """Names of the entity labels."""
        return tuple(label.name for label in self.entities)

    @cached_property
    def event_names(self) -> tuple[str, ...]:
        """Names of the event types."""
        return tuple(event.name for event in self.events)

    @cached_property
    def realis_names(self) -> tuple[str, ...]:
        """Names of the realis values; the first is the default of a plain report."""
        return tuple(value.name for value in self.realis)

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """BIO tags of the entity labels, as :func:`bio_tags` orders them."""
        return bio_tags(self.entity_names)

    @cached_property
    def family_of(self) -> dict[str, str]:
        """Family of each event type."""
        return {event.name: event.family for event in self.events}

    @cached_property
    def conll_of(self) -> dict[str, str]:
        """CoNLL-4 class of each entity label; ``O`` where there is none."""
        return {label.name: label.conll for label in self.entities}

    @cached_property
    def digest(self) -> str:
        """First 16 hex digits of a SHA-256 over names, order and crosswalks."""
        content = json.dumps(_plain(self), ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(content.encode("utf-8")).hexdigest()[:16]

    def check_entity(self, name: str) -> str | None:
        """Return what is wrong with an entity label, or None."""
        return _unknown("entity label", name, self.entity_names)

    def check_event(self, name: str) -> str | None:
        """Return what is wrong with an event type, or None."""
        return _unknown("event type", name, self.event_names)

    def check_realis(self, name: str) -> str | None:
        """Return what is wrong with a realis value, or None."""
        return _unknown("realis", name, self.realis_names)


def _unknown(kind: str, name: str, known: tuple[str, ...]) -> str | None:
    if name in known:
        return None
    return f"unknown {kind} {name!r}{did_you_mean(name, known)}; labels.yaml names them all"


def _plain(scheme: Scheme) -> dict[str, Any]:
    """Return what a model depends on: names, order and crosswalks, but no gloss."""
    return {
        "version": scheme.version,
        "entities": [[e.name, e.conll] for e in scheme.entities],
        "events": [[e.name, e.family, e.acled, e.plover, e.cameo] for e in scheme.events],
        "realis": scheme.realis_names,
    }


def read_scheme(path: Path) -> Scheme:
    """Read a label file, the project's own or the copy in a model folder."""
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
        return Scheme(
            version=raw["version"],
            entities=tuple(EntityLabel(name, **v) for name, v in raw["entities"].items()),
            events=tuple(
                EventType(
                    name, v["family"], v["gloss"], v["acled"], (*v["plover"],), (*v["cameo"],)
                )
                for name, v in raw["events"].items()
            ),
            realis=tuple(Gloss(name, **v) for name, v in raw["realis"].items()),
            families=tuple(Gloss(name, **v) for name, v in raw["families"].items()),
            sources={name: _source(name, v) for name, v in raw.get("sources", {}).items()},
        )
    except FileNotFoundError:
        raise ModelError(
            f"{path}: no label file; take the folder as `marsad train` wrote it"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: not a label file ({error!r}); restore it") from None


def _source(name: str, raw: Mapping[str, Mapping[str, list[str]]]) -> Source:
    entities, events = (
        {label: tuple(own) for label, own in raw.get(kind, {}).items()}
        for kind in ("entities", "events")
    )
    return Source(name, entities, events)


@cache
def scheme() -> Scheme:
    """Return the project's own scheme."""
    return read_scheme(SCHEME_FILE)
