"""The lines of brat: standoff annotations read, and the configuration written.

https://brat.nlplab.org/standoff.html and https://brat.nlplab.org/configuration.html
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from marsad.errors import DataError
from marsad.formats.records import SENTENCE, Record
from marsad.labels import scheme

SCORE = "Score"


@dataclass
class _Standoff:
    """What the lines of one file say: marks by id, the place of each, and scores by their id."""

    text: str
    sentences: dict[str, Record] = field(default_factory=dict)
    entities: dict[str, Record] = field(default_factory=dict)
    events: dict[str, tuple[str, Record]] = field(default_factory=dict)  # attribute: span, event
    scores: dict[str, float] = field(default_factory=dict)

    def add_span(self, id_: str, place: str, covered: str) -> None:
        """Read ``T1<TAB>GPE 12 16<TAB>درعا``."""
        if ";" in place:
            raise ValueError("our documents have no spans in pieces")
        label, start, end = place.split(" ")
        span = {"start": int(start), "end": int(end)}
        if self.text[span["start"] : span["end"]] != covered:
            raise ValueError(f"{covered!r} is not at {start}..{end} of the text")
        if id_ in self.sentences or id_ in self.entities:
            raise ValueError(f"{id_} is given twice")
        if label == SENTENCE:
            self.sentences[id_] = {**span, "events": []}
        else:
            self.entities[id_] = {**span, "label": label}

    def add_attribute(self, id_: str, body: str) -> None:
        """Read ``A1<TAB>shelling T1 actual``."""
        kind, span, realis = body.split(" ")
        self.events[id_] = (span, {"type": kind, "realis": realis})

    def add_note(self, _: str, body: str, content: str) -> None:
        """Read ``#1<TAB>Score T1<TAB>0.93``; notes of other kinds are for people."""
        kind, target = body.split(" ")
        if kind == SCORE:
            self.scores[target] = json.loads(content)

    def to_record(self) -> Record:
        """Join events and scores to what they belong to; ValueError where there is none."""
        for span, event in self.events.values():
            if span not in self.sentences:
                raise ValueError(f"{event['type']} is an attribute of {span}, which is no sentence")
            self.sentences[span]["events"].append(event)
        marks = self.entities | {id_: event for id_, (_, event) in self.events.items()}
        for id_, score in self.scores.items():
            if id_ not in marks:
                raise ValueError(f"a score of {id_}, which is no mention and no event")
            marks[id_]["score"] = score
        return {"sentences": [*self.sentences.values()], "entities": [*self.entities.values()]}


def parse_annotations(lines: str, text: str, path: Path) -> Record:
    """Return the sentences and entities of an ``.ann`` file.

    Raises:
        DataError: a line is malformed, disagrees with the text or has no place in our documents.
    """
    standoff = _Standoff(text)
    readers: dict[str, tuple[int, Callable[..., None]]] = {  # columns, and what reads them
        "T": (3, standoff.add_span),
        "A": (2, standoff.add_attribute),
        "M": (2, standoff.add_attribute),  # the older letter of attributes
        "#": (3, standoff.add_note),
    }
    where = str(path)
    try:
        for number, line in enumerate(lines.split("\n"), start=1):
            where = f"{path}:{number}"
            if line.strip():
                _read_line(line.rstrip("\r"), readers)
        where = str(path)
        return standoff.to_record()
    except ValueError as error:
        raise DataError(f"{where}: cannot read this annotation ({error}); mend it") from None


def _read_line(line: str, readers: Mapping[str, tuple[int, Callable[..., None]]]) -> None:
    if line[0] not in readers:
        raise ValueError("our documents have no relations, events of parts or normalisations")
    width, reader = readers[line[0]]
    columns = line.split("\t", 2)
    if len(columns) != width:
        raise ValueError(f"{len(columns)} columns parted by tabs, not {width}")
    reader(*columns)


def annotation_conf() -> str:
    """Return brat's configuration of our labels, with sentences around mentions allowed."""
    realis = "|".join(scheme().realis_names)
    return "\n".join(
        (
            "[entities]",
            SENTENCE,
            *scheme().entity_names,
            "[relations]",
            f"<OVERLAP>\tArg1:{SENTENCE}, Arg2:<ENTITY>, <OVL-TYPE>:contain|equal",
            "[events]",
            "[attributes]",
            *(f"{name}\tArg:{SENTENCE}, Value:{realis}" for name in scheme().event_names),
            "",
        )
    )
