"""Arabic sentences voted to report an event class of PLOVER, or not.

Open Event Data Alliance 2018, Arabic gold standard records,
https://github.com/openeventdata/arabic_event_gsr . Our types count by the crosswalk of the label
file.
"""

import csv
from collections import defaultdict
from io import StringIO
from pathlib import Path

from marsad.benchmarks.benchmark import Benchmark
from marsad.document import Document, Event, Sentence
from marsad.errors import DataError
from marsad.files import read_text, sha256
from marsad.labels import OUTSIDE, scheme
from marsad.scoring.ruler import Ruler

FOLDER = Path("arabic_event_gsr")


def read_assault(source: Path) -> Benchmark:
    """Read the sentences voted on ASSAULT."""
    return _read("assault", source, "ASSAULT", types_of("ASSAULT"))


def read_assault_with_abduction(source: Path) -> Benchmark:
    """Read the same; the annotators voted abductions in, which PLOVER and our crosswalk do not."""
    types = [*types_of("ASSAULT"), "abduction"]
    return _read("assault+abduction", source, "ASSAULT", types)


def read_protest(source: Path) -> Benchmark:
    """Read the sentences voted on PROTEST."""
    return _read("protest", source, "PROTEST", types_of("PROTEST"))


def types_of(plover: str) -> list[str]:
    """Return our event types that the crosswalk puts into a PLOVER class."""
    return [event.name for event in scheme().events if plover in event.plover]


def _read(name: str, source: Path, plover: str, types: list[str]) -> Benchmark:
    path = source / FOLDER / f"{plover.lower()}_gsr.csv"
    votes = read_votes(path)
    balance = {text: sum(own) for text, own in votes.items()}
    documents = [
        _document(f"{name}-{i}", text, plover if total > 0 else None)
        for i, (text, total) in enumerate(balance.items(), start=1)
        if total
    ]
    defects = {
        "texts given twice, votes added": sum(len(own) > 1 for own in votes.values()),
        "of them with votes that conflict": sum(min(own) < 0 < max(own) for own in votes.values()),
        "texts with as many votes for as against, left out": len(balance) - len(documents),
    }
    names = {own: plover if own in types else OUTSIDE for own in scheme().event_names}
    ruler = Ruler(name, events=(plover,), event_map=names)
    return Benchmark(f"public:{name}", documents, ruler, sha256(path), "sentences", defects)


def read_votes(path: Path) -> dict[str, list[int]]:
    """Return, for each text, how many more votes were for than against, each time it is given.

    Raises:
        DataError: the file is missing or is another one.
    """
    votes: dict[str, list[int]] = defaultdict(list)
    try:
        for row in csv.DictReader(StringIO(read_text(path), newline="")):
            votes[row["text"]].append(int(row["accept"]) - int(row["reject"]))
    except (KeyError, ValueError, TypeError, csv.Error):
        raise DataError(f"{path}: no file of the event gold standard; give its CSV") from None
    return votes


def _document(id_: str, text: str, plover: str | None) -> Document:
    events = (Event(plover, "actual"),) if plover else ()
    return Document(id_, text, (Sentence(0, len(text), events),))
