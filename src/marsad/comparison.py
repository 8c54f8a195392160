"""Two systems on the same documents: how much better one is, and whether it could be chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from marsad.benchmarks import Benchmark
from marsad.errors import DataError
from marsad.evaluation import evaluate
from marsad.metrics import Counted, Evaluation, read_metrics
from marsad.model_folder import ModelFolder
from marsad.reader import Watch
from marsad.scoring.uncertainty import Counts, Difference, compare, macro_f1, micro_f1
from marsad.systems import ask_system

FIGURES = {"micro F1": micro_f1, "macro F1": macro_f1}
_MUST_AGREE = {
    "data_sha256": "data of another SHA-256",
    "documents": "other documents",
    "ruler": "another ruler",
    "scheme": "another label scheme",
    "scorer": "another scorer version",
}


@dataclass(frozen=True)
class Row:
    """A figure of both systems, with its support, and what lies between them."""

    name: str
    one: float
    other: float
    support: int
    difference: Difference


def compare_systems(
    one: Path,
    other: Path,
    benchmark: Benchmark,
    *,
    labels: Mapping[str, str] | None = None,
    watch: Watch = iter,
) -> list[Row]:
    """Compare two systems on a benchmark.

    Each is a model folder, a file of predictions, or the ``metrics.json`` of a model, whose figures
    on this benchmark are taken as recorded.

    Raises:
        DataError: recorded figures are of another split, scheme or scorer, predictions are not of
            these documents, or the systems share no task.
        ModelError: a folder holds no usable model.
    """
    sides = []
    for path in (one, other):
        if path.name == ModelFolder.FILES["metrics"]:
            sides.append(_recorded(path, benchmark))
        else:
            answers = ask_system(
                path, benchmark.documents, labels=labels, ruler=benchmark.ruler, watch=watch
            )
            sides.append(evaluate(answers, benchmark))
    return compare_evaluations(*sides)


def _recorded(path: Path, benchmark: Benchmark) -> Evaluation:
    recorded = read_metrics(ModelFolder(path.parent)).evaluations
    if benchmark.data not in recorded:
        known = ", ".join(recorded) or "nothing"
        raise DataError(f"{path}: holds no figures on {benchmark.data}, but on {known}")
    evaluation = recorded[benchmark.data]
    if evaluation.data_sha256 != benchmark.digest:
        raise DataError(
            f"{path}: its figures on {benchmark.data} are of {_MUST_AGREE['data_sha256']} than the "
            "file has now; evaluate the model again"
        )
    return evaluation


def compare_evaluations(one: Evaluation, other: Evaluation) -> list[Row]:
    """Compare two evaluations.

    Raises:
        DataError: they are not of the same split, scheme, ruler and scorer, or share no task.
    """
    for name, reason in _MUST_AGREE.items():
        if getattr(one, name) != getattr(other, name):
            raise DataError(
                f"{one.read_with} and {other.read_with}: scored with {reason}, so the figures "
                "cannot be compared; evaluate both again on the same data"
            )
    shared = [task for task in one.counts if task in other.counts]
    if not shared:
        raise DataError(
            f"{one.read_with} and {other.read_with}: share no task; compare models of the same one"
        )
    return [row for task in shared for row in _rows(one, other, task)]


def _rows(one: Evaluation, other: Evaluation, task: str) -> list[Row]:
    names = sorted({n for e in (one, other) for row in e.counts[task].values() for n in row})
    first, second = (_array(e.counts[task], e.documents, names) for e in (one, other))
    support = int(first[..., 1].sum())
    rows = []
    for name, figure in FIGURES.items():
        left, right = (float(figure(side.sum(axis=0))) for side in (first, second))
        difference = compare(first, second, figure)
        rows.append(Row(f"{task} {name}", left, right, support, difference))
    return rows


def _array(counted: Counted, documents: Sequence[str], names: Sequence[str]) -> Counts:
    """Return counts of shape (documents, names, 4)."""
    counts = np.zeros((len(documents), len(names), 4))
    nothing: Mapping[str, tuple[int, int, int]] = {}
    for row, id_ in zip(counts, documents, strict=True):
        for name, (right, annotated, claimed) in counted.get(id_, nothing).items():
            row[names.index(name)] = right, annotated, right, claimed
    return counts
