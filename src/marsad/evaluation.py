"""Evaluation: a model read over annotated documents, scored, and recorded in ``metrics.json``."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import f1_score

from marsad.corpus import read_corpus
from marsad.document import Document
from marsad.errors import ModelError
from marsad.files import atomic_write
from marsad.labels import scheme
from marsad.model_folder import ModelFolder, sha256
from marsad.reader import Reader
from marsad.runtime import load
from marsad.scoring import SCORER_VERSION, Scores, score

Watch = Callable[[Sequence[Document]], Iterable[Document]]

THRESHOLDS = tuple(round(0.3 + 0.025 * step, 3) for step in range(25))  # 0.3 to 0.9


def evaluate(
    folder: ModelFolder, data: Path, *, file: str | None = None, watch: Watch = iter
) -> Scores:
    """Score a model on a corpus file and record the figures under the file's name.

    ``watch`` passes the documents on, and may show how far they are.

    Raises:
        DataError: the file is unreadable or has an error.
        ModelError: the folder holds no usable model.
    """
    documents = read_corpus(data)
    reader = load(folder.path, file=file)
    scores = score_reader(reader, documents, watch=watch)
    record = {
        "data": str(data),
        "data_sha256": sha256(data),
        "read_with": reader.source,
        "scheme": scheme().digest,
        "scorer": SCORER_VERSION,
        "overall": scores.overall,
        "never_predicted": scores.never_predicted,
        **asdict(scores),
    }
    record_metrics(folder, "evaluations", {**_evaluations(folder), data.stem: record})
    return scores


def score_reader(reader: Reader, documents: Sequence[Document], *, watch: Watch = iter) -> Scores:
    """Read documents on their annotated sentences and score what was read."""
    predicted = list(reader.pipe(watch(documents)))
    task = reader.settings.task
    return score(documents, predicted, entities=task != "events", events=task != "ner")


def best_threshold(reader: Reader, documents: Sequence[Document]) -> float:
    """Return the probability from which reporting an event scores best on documents.

    Best is the mean of micro and macro F1: micro alone would silence the rare types.
    """
    names = scheme().event_names
    found = np.concatenate(list(reader.probabilities(documents)))
    reported = [{e.type for e in s.events} for d in documents for s in d.sentences]
    gold = np.array([[name in types for name in names] for types in reported])

    def quality(threshold: float) -> float:
        scores = (
            f1_score(gold, found >= threshold, average=average, zero_division=0.0)
            for average in ("micro", "macro")
        )
        return float(sum(scores))

    return max(THRESHOLDS, key=quality)


def read_metrics(folder: ModelFolder) -> dict[str, Any]:
    """Return what ``metrics.json`` holds, or nothing where it does not exist yet.

    Raises:
        ModelError: the file is damaged.
    """
    path = folder["metrics"]
    if not path.exists():
        return {}
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not JSON ({error}); delete it and evaluate again") from None
    if not isinstance(metrics, dict):
        raise ModelError(f"{path}: not a metrics file; delete it and evaluate again")
    return metrics


def record_metrics(folder: ModelFolder, key: str, value: object) -> None:
    """Set one part of ``metrics.json`` and renew the checksums."""
    metrics = read_metrics(folder) | {key: value}
    with atomic_write(folder["metrics"]) as out:
        json.dump(metrics, out, ensure_ascii=False, indent=2)
        out.write("\n")
    folder.write_checksums()


def _evaluations(folder: ModelFolder) -> dict[str, Any]:
    evaluations = read_metrics(folder).get("evaluations", {})
    assert isinstance(evaluations, dict)
    return evaluations
