"""Two systems on the same documents: how much better one is, and whether it could be chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from marsad.corpus import read_corpus
from marsad.document import Document
from marsad.errors import DataError
from marsad.evaluation import Watch
from marsad.runtime import load
from marsad.scoring import check_same, entity_counts, event_counts
from marsad.uncertainty import Difference, compare, macro_f1, micro_f1

FIGURES = {"micro F1": micro_f1, "macro F1": macro_f1}


@dataclass(frozen=True)
class Row:
    """A figure of both systems and what lies between them."""

    name: str
    one: float
    other: float
    difference: Difference


@dataclass(frozen=True)
class System:
    """What a system said of the documents, and which of the two tasks it does."""

    documents: Sequence[Document]
    entities: bool
    events: bool


def compare_systems(one: Path, other: Path, data: Path, *, watch: Watch = iter) -> list[Row]:
    """Compare two systems, each a model folder or a file of its records, on annotated documents.

    Raises:
        DataError: the records are not of these documents, or the systems share no task.
        ModelError: a folder holds no usable model, or one of another label scheme.
    """
    gold = read_corpus(data)
    systems = [read_system(path, gold, watch=watch) for path in (one, other)]
    rows = []
    for task, counts in (("entities", entity_counts), ("events", event_counts)):
        if all(getattr(system, task) for system in systems):
            first, second = (counts(gold, system.documents) for system in systems)
            for name, figure in FIGURES.items():
                left, right = (float(figure(side.sum(axis=0))) for side in (first, second))
                rows.append(Row(f"{task} {name}", left, right, compare(first, second, figure)))
    if not rows:
        raise DataError(f"{one} and {other}: share no task; compare models of the same one")
    return rows


def read_system(path: Path, gold: Sequence[Document], *, watch: Watch = iter) -> System:
    """Read the documents with a model, or take what a file of records says of them.

    Raises:
        DataError: the records are not of these documents and sentences, in this order.
    """
    if path.is_dir():
        reader = load(path)
        task = reader.settings.task
        return System(list(reader.pipe(watch(gold))), task != "events", task != "ner")
    records = read_corpus(path)
    try:
        check_same(gold, records)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    return System(
        records,
        any(d.entities for d in records),
        any(s.events for d in records for s in d.sentences),
    )
