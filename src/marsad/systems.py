"""Systems: a model folder, or a file of what some other system predicted."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from marsad.calibration import Calibration
from marsad.decisions import Judgement
from marsad.document import Document
from marsad.errors import DataError
from marsad.labels import OUTSIDE, scheme
from marsad.predictions import read_predictions
from marsad.reader import Reader, Watch
from marsad.runtime import load
from marsad.scoring.ruler import Ruler

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answers:
    """What a system says of annotated documents, in their order.

    ``judgements`` are of a model of ours, before its ``calibration``; others have none. ``source``
    is the file that was read, ``digest`` that of the model.
    """

    documents: Sequence[Document]
    entities: bool
    events: bool
    source: str
    digest: str | None = None
    judgements: Sequence[Judgement] | None = None
    calibration: Calibration | None = None

    @property
    def probabilities(self) -> list[npt.NDArray[np.float32]] | None:
        """Probabilities of our types, (sentences, types) of each document, where there are any."""
        if self.judgements is None or self.calibration is None:
            return None
        curve, names = self.calibration.events, scheme().event_names
        return [curve(j.events, names).astype(np.float32) for j in self.judgements]


def ask_reader(
    reader: Reader,
    documents: Sequence[Document],
    *,
    ruler: Ruler | None = None,
    watch: Watch = iter,
) -> Answers:
    """Let a model read documents on their annotated sentences, in the labels of a ruler.

    ``watch`` passes the documents on, and may show how far they are.
    """
    reader = reader.under(ruler.tag_reading()) if ruler else reader
    judgements = list(reader.judge(watch(documents)))
    task = reader.settings.task
    return Answers(
        documents=[judgement.decide(reader.calibration) for judgement in judgements],
        entities=task != "events",
        events=task != "ner",
        source=reader.source,
        digest=reader.stamp.digest,
        judgements=judgements,
        calibration=reader.calibration,
    )


def _relabel(document: Document, names: Mapping[str, str]) -> Document:
    named = (replace(e, label=names.get(e.label, e.label)) for e in document.entities)
    return replace(document, entities=tuple(e for e in named if e.label != OUTSIDE))


def ask_system(
    path: Path,
    gold: Sequence[Document],
    *,
    file: str | None = None,
    form: str | None = None,
    labels: Mapping[str, str] | None = None,
    ruler: Ruler | None = None,
    watch: Watch = iter,
) -> Answers:
    """Let a model folder read documents, or take what a file of predictions says of them.

    Args:
        path: the folder or the file.
        gold: annotated documents.
        file: which file of the model to run, see :func:`marsad.runtime.load`.
        form: format of the predictions, see :data:`marsad.predictions.PREDICTIONS`.
        labels: what labels of the predictions are called in the annotation; ``O`` for nothing.
        ruler: a model of ours answers in its labels.
        watch: passes the documents on, and may show how far they are.

    Raises:
        DataError: the predictions are malformed, or not of these documents.
        ModelError: the folder holds no usable model.
    """
    if not path.exists():
        raise DataError(f"{path}: no such model folder or file of predictions; check the path")
    if path.is_dir():
        return ask_reader(load(path, file=file), gold, ruler=ruler, watch=watch)
    given = read_predictions(path, gold, name=form)
    documents = [_relabel(document, labels or {}) for document in given]
    events = any(s.events for d in documents for s in d.sentences)
    entities = not events or any(d.entities for d in documents)
    if not entities:
        log.warning("%s: holds events and no mention, so it is scored on events alone", path)
    return Answers(
        documents=documents,
        entities=entities,
        events=events,
        source=str(path),
    )
