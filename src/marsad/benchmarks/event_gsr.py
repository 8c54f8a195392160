"""Arabic sentences voted to report an event class of PLOVER, or not.

Open Event Data Alliance 2018, Arabic gold standard records,
https://github.com/openeventdata/arabic_event_gsr . Our types count by the crosswalk of the label
file.
"""

import csv
from collections import defaultdict
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from marsad.benchmarks.benchmark import Annotated, Benchmark, Publication
from marsad.document import Document, Event, Sentence
from marsad.errors import DataError
from marsad.files import read_text, sha256
from marsad.labels import OUTSIDE, scheme
from marsad.scoring.ruler import Ruler
from marsad.splits import bucket_of

FOLDER = Path("arabic_event_gsr")

PUBLICATION = Publication(
    title="arabic_event_gsr",
    source="event_gsr",
    labels="sentences voted to report an event class of PLOVER, or not "
    f"({', '.join(scheme().sources['event_gsr'].events)})",
    citation="Open Event Data Alliance 2018",
    licence="MIT",
    url="https://github.com/openeventdata/arabic_event_gsr",
)

# The parts of the files, by the tenth that a text falls into. Its letters alone count, so that a
# text given twice, or in both files, is in one part.
TEST, DEV, TRAIN = frozenset({0, 1}), frozenset({2}), frozenset(range(3, 10))
ALL = TEST | DEV | TRAIN


def read_assault(source: Path) -> Benchmark:
    """Read the sentences voted on ASSAULT."""
    return _read("assault", source, "ASSAULT", types_of("ASSAULT"))


def read_assault_with_abduction(source: Path) -> Benchmark:
    """Read the same; the annotators voted abductions in, which PLOVER and our crosswalk do not."""
    return _read("assault+abduction", source, "ASSAULT", voted_types("ASSAULT"))


def read_protest(source: Path) -> Benchmark:
    """Read the sentences voted on PROTEST."""
    return _read("protest", source, "PROTEST", types_of("PROTEST"))


def read_part(source: Path, *, plover: str, part: frozenset[int], name: str) -> Benchmark:
    """Read a part of a file; all types that its annotators vote for count."""
    return _read(name, source, plover, voted_types(plover), part)


def read_training(source: Path) -> list[Annotated]:
    """Read the training part of both files: each text once, and what was voted of each class.

    Raises:
        DataError: a file is missing or is another one.
    """
    verdicts: dict[str, dict[str, bool]] = defaultdict(dict)
    for plover in scheme().sources["event_gsr"].events:
        for text, total in _balance(read_votes(_path(source, plover)), TRAIN).items():
            if total:
                verdicts[text][plover] = total > 0
    return [
        Annotated(Document(f"event_gsr-{i}", text, (Sentence(0, len(text)),)), "event_gsr", voted)
        for i, (text, voted) in enumerate(verdicts.items(), start=1)
    ]


def types_of(plover: str) -> list[str]:
    """Return our event types that the crosswalk puts into a PLOVER class."""
    return [event.name for event in scheme().events if plover in event.plover]


def voted_types(plover: str) -> list[str]:
    """Return our event types that the annotators' class may be."""
    return list(scheme().sources["event_gsr"].events[plover])


def _path(source: Path, plover: str) -> Path:
    return source / FOLDER / f"{plover.lower()}_gsr.csv"


def _balance(votes: Mapping[str, list[int]], part: frozenset[int]) -> dict[str, int]:
    """Return how many more votes were for than against each text of a part."""
    return {text: sum(own) for text, own in votes.items() if _tenth(text) in part}


def _tenth(text: str) -> int:
    return bucket_of("".join(filter(str.isalnum, text)), 10)


def _read(
    name: str, source: Path, plover: str, types: list[str], part: frozenset[int] = ALL
) -> Benchmark:
    path = _path(source, plover)
    votes = {text: own for text, own in read_votes(path).items() if _tenth(text) in part}
    balance = _balance(votes, part)
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
