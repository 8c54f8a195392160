"""The lines of our own CoNLL files: rows of six columns, and comments on sentences and events.

The token is first and the tag fourth, where CoNLL-2003 has them. PROCLITIC is the number of letters
of a mention's first word that lie before the mention; SCORE its probability, where a model gave
one. An event is ``type:realis`` or ``type:realis:probability``.
"""

import json
from dataclasses import dataclass
from typing import Any

from marsad.document import Event, Sentence
from marsad.errors import DataError
from marsad.labels import OUTSIDE

COLUMNS = "# global.columns = TOKEN START END TAG PROCLITIC SCORE"
DOCUMENT_START = "-DOCSTART-"
_NOTHING = "_"
_WIDTH = 6
DOCUMENT_LINE = "\t".join((DOCUMENT_START, _NOTHING, _NOTHING, OUTSIDE, _NOTHING, _NOTHING))


@dataclass(frozen=True)
class Row:
    """A word: its offsets, its tag and, where a mention begins, its proclitic length and score."""

    token: str
    start: int
    end: int
    tag: str
    proclitic: int | None = None
    score: float | None = None

    def to_line(self) -> str:
        """Return the row as text, columns parted by tabs."""
        marks = (self.tag, number_text(self.proclitic), number_text(self.score))
        return "\t".join((self.token, str(self.start), str(self.end), *marks))


def parse_row(line: str, where: str) -> Row:
    """Read a row.

    Raises:
        DataError: a column is missing, added or not a number.
    """
    try:
        token, start, end, tag, proclitic, score = line.split("\t")
        lead = None if proclitic == _NOTHING else int(proclitic)
        return Row(token, int(start), int(end), tag, lead, _number(score))
    except ValueError as error:
        raise DataError(
            f"{where}: not a row of {_WIDTH} columns parted by tabs ({error}); restore it"
        ) from None


def number_text(number: float | None) -> str:
    """Return a number with at most four digits behind the point; ``_`` for none."""
    return _NOTHING if number is None else json.dumps(round(number, 4))


def sentence_comments(sentence: Sentence) -> list[str]:
    """Return what opens the block of a sentence: ``# sent`` and, where it has events, these."""
    comments = [f"# sent = {sentence.start} {sentence.end}"]
    if sentence.events:
        comments.append(f"# events = {' '.join(_event_text(event) for event in sentence.events)}")
    return comments


def parse_span(text: str) -> dict[str, Any]:
    """Read the value of ``# sent``; ValueError where it is not two numbers."""
    start, end = (int(offset) for offset in text.split(" "))
    return {"start": start, "end": end, "events": []}


def parse_events(text: str) -> list[dict[str, Any]]:
    """Read the value of ``# events``; ValueError where one is malformed."""
    events = []
    for item in text.split(" "):
        kind, realis, score = item.split(":") if item.count(":") == 2 else (*item.split(":"), "_")
        events.append({"type": kind, "realis": realis, "score": _number(score)})
    return events


def _event_text(event: Event) -> str:
    score = () if event.score is None else (number_text(event.score),)
    return ":".join((event.type, event.realis, *score))


def _number(text: str) -> float | None:
    """Read a number as JSON has it, so that 1 stays 1."""
    number = None if text == _NOTHING else json.loads(text)
    if isinstance(number, bool) or not isinstance(number, int | float | None):
        raise ValueError(f"{text} is not a number")
    return number
