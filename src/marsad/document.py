"""Documents: a text with sentences, entities and events, as people annotate and models predict.

Offsets are Unicode code points into the untouched text, half-open: ``text[start:end]`` is the
mention. A prediction is an annotated document plus scores, so it can be corrected by hand and
trained on again.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import NoneType
from typing import Any

from marsad.errors import DataError
from marsad.labels import scheme

SCORE_DIGITS = 4  # of a score in a record
VOTES = "votes"  # key of a text's metadata: of how many models the scores are shares


@dataclass(frozen=True, slots=True, order=True)
class Entity:
    """A mention: ``[start, end)``, its label and, when predicted, a probability."""

    start: int
    end: int
    label: str
    score: float | None = None


def place_of(entity: Entity) -> tuple[int, int, str]:
    """Return what mentions are sorted by, whether they have a probability or not."""
    return entity.start, entity.end, entity.label


@dataclass(frozen=True, slots=True)
class Event:
    """An event type that a sentence reports, with its realis and, when predicted, a probability."""

    type: str
    realis: str
    score: float | None = None

    @property
    def family(self) -> str:
        """Family of the event type."""
        return scheme().family_of[self.type]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence ``[start, end)`` and the set of events that it reports."""

    start: int
    end: int
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelStamp:
    """Which model made a prediction."""

    name: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Document:
    """A text and what is marked in it.

    ``coverage`` is the share of the words that a model read, ``warnings`` says what was odd;
    both are None in annotated documents.
    """

    id: str
    text: str
    sentences: tuple[Sentence, ...] = ()
    entities: tuple[Entity, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    coverage: float | None = None
    warnings: tuple[str, ...] | None = None
    model: ModelStamp | None = None

    def mention(self, entity: Entity) -> str:
        """Return the surface of an entity: a slice of the text."""
        return self.text[entity.start : entity.end]

    def is_unsure(self, mark: Entity | Event) -> bool:
        """Whether models voted on the text, and not more than half of them reported a mark."""
        return VOTES in self.meta and mark.score is not None and mark.score <= 0.5

    def entities_in(self, sentence: Sentence) -> Iterator[Entity]:
        """Yield the entities that lie inside a sentence."""
        return (e for e in self.entities if sentence.start <= e.start and e.end <= sentence.end)

    def to_record(self) -> dict[str, Any]:
        """Return the JSON record of the document; what is unknown is left out."""
        record: dict[str, Any] = {"id": self.id, "text": self.text}
        if self.meta:
            record["meta"] = dict(self.meta)
        record["sentences"] = [_sentence_record(s, self.model is not None) for s in self.sentences]
        record["entities"] = [_entity_record(e, self) for e in self.entities]
        if self.model is not None:
            record["coverage"] = self.coverage
            record["warnings"] = list(self.warnings or ())
            record["model"] = {f: getattr(self.model, f) for f in ("name", "version", "digest")}
        return record

    def to_json(self) -> str:
        """Return the record as one line of JSON."""
        return json.dumps(self.to_record(), ensure_ascii=False)


def _entity_record(entity: Entity, doc: Document) -> dict[str, Any]:
    record: dict[str, Any] = {"start": entity.start, "end": entity.end, "label": entity.label}
    if entity.score is not None:
        record |= {"text": doc.mention(entity), "score": round(entity.score, SCORE_DIGITS)}
    return record


def _sentence_record(sentence: Sentence, predicted: bool) -> dict[str, Any]:
    events = []
    for event in sentence.events:
        record: dict[str, Any] = {"type": event.type, "realis": event.realis}
        if predicted:
            record["family"] = event.family
        if event.score is not None:
            record["score"] = round(event.score, SCORE_DIGITS)
        events.append(record)
    return {"start": sentence.start, "end": sentence.end, "events": events}


def parse_document(record: Any, where: str) -> Document:  # noqa: ANN401
    """Build a document from a JSON record.

    Only the shape is checked here; :mod:`marsad.corpus` checks offsets and labels.

    Raises:
        DataError: a field is missing or of the wrong type; ``where`` opens the message.
    """
    match record:
        case {"id": str(id_), "text": str(text)}:
            if not _encodable(id_):
                raise DataError(f"{where}: the id {id_!r} is not Unicode; rename it")
        case _:
            raise DataError(f"{where}: a document needs a string `id` and a string `text`")
    try:
        stamp = record.get("model")
        return Document(
            id=id_,
            text=text,
            sentences=tuple(_parse_sentence(s) for s in record.get("sentences", ())),
            entities=tuple(
                Entity(_offset(e["start"]), _offset(e["end"]), str(e["label"]), _score(e))
                for e in record.get("entities", ())
            ),
            meta=_mapping(record.get("meta") or {}),
            coverage=record.get("coverage"),
            warnings=tuple(record["warnings"]) if "warnings" in record else None,
            model=ModelStamp(**stamp) if stamp else None,
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(
            f"{where}: document {id_!r} is malformed ({error!r}); data/README.md shows the format"
        ) from None


def _parse_sentence(record: Mapping[str, Any]) -> Sentence:
    events = tuple(
        Event(str(e["type"]), str(e["realis"]), _score(e)) for e in record.get("events", ())
    )
    return Sentence(_offset(record["start"]), _offset(record["end"]), events)


def _encodable(text: str) -> bool:
    """Say whether a string holds no half of a surrogate pair."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _score(record: Mapping[str, Any]) -> float | None:
    score = record.get("score")
    if isinstance(score, bool) or not isinstance(score, (int, float, NoneType)):
        raise TypeError(f"score {score!r} is not a number")
    return score


def _offset(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"offset {value!r} is not a whole number")
    return value


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"meta is a {type(value).__name__}, not a mapping")
    left: list[object] = [value]
    while left:
        own = left.pop()
        if isinstance(own, float) and not math.isfinite(own):
            raise ValueError(f"meta holds {own}, which is no number of JSON")
        if isinstance(own, Mapping):
            left += own.values()
        elif isinstance(own, list):
            left += own
    return value
