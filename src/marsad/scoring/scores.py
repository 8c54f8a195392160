"""Scores of predictions against annotated documents.

The annotation is never cut to what was read: what a system left out counts as missed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from marsad.document import Document
from marsad.errors import DataError
from marsad.scoring.entities import EntityScores, score_entities
from marsad.scoring.events import EventScores, score_events
from marsad.scoring.ruler import Ruler, own_ruler
from marsad.scoring.tables import Table

SCORER_VERSION = 3


@dataclass(frozen=True)
class Scores:
    """All scores of one set of predictions; a part that the system does not predict is None.

    ``coverage`` is the mean share of a document's words that the system read, None where it is not
    known.
    """

    entities: EntityScores | None
    events: EventScores | None
    documents: int
    coverage: float | None

    @property
    def tables(self) -> dict[str, Table]:
        """The tables of record: strict mentions under ``entities``, types under ``events``."""
        strict = {"entities": self.entities.strict} if self.entities else {}
        return strict | ({"events": self.events.types} if self.events else {})

    @property
    def overall(self) -> float:
        """Mean of entity micro F1 and event micro F1: what model selection maximises."""
        return float(np.mean([table.micro.f1 for table in self.tables.values()]))

    @property
    def never_predicted(self) -> list[str]:
        """Labels and types that the annotation holds and the model never predicted."""
        return [name for table in self.tables.values() for name in table.never_predicted]


def score(
    gold: Sequence[Document],
    predicted: Sequence[Document],
    *,
    entities: bool,
    events: bool,
    ruler: Ruler | None = None,
    probabilities: Sequence[npt.NDArray[np.float32]] | None = None,
) -> Scores:
    """Score predictions on the same documents, in the same order.

    Args:
        gold: annotated documents.
        predicted: what a system says of them.
        entities: whether it predicts entities.
        events: whether it predicts events.
        ruler: what is scored under which names; by default our labels.
        probabilities: of the ruler's event names, (sentences, names) for each document.

    Raises:
        DataError: the documents or their sentences differ, or a label is unknown to the ruler.
    """
    ruler = ruler or own_ruler()
    check_same(gold, predicted)
    truth, claim = ([ruler.read(document) for document in side] for side in (gold, predicted))
    read = [d.coverage for d in predicted if d.coverage is not None]
    return Scores(
        entities=score_entities(truth, claim, names=ruler.entities) if entities else None,
        events=score_events(truth, claim, ruler=ruler, probabilities=probabilities)
        if events
        else None,
        documents=len(gold),
        coverage=float(np.mean(read)) if read else None,
    )


def check_same(gold: Sequence[Document], predicted: Sequence[Document]) -> None:
    """Check that predictions are on the annotated documents and their sentences, in this order.

    Raises:
        DataError: they are not.
    """
    if len(gold) != len(predicted):
        raise DataError(f"{len(predicted)} documents, {len(gold)} annotated; score the same texts")
    for a, b in zip(gold, predicted, strict=True):
        if a.id != b.id or a.text != b.text:
            raise DataError(f"document {b.id!r}: not the annotated {a.id!r}; score the same texts")
        if [(s.start, s.end) for s in a.sentences] != [(s.start, s.end) for s in b.sentences]:
            raise DataError(f"document {a.id!r}: sentences differ; predict on the annotated ones")
