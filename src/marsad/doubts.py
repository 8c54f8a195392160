"""Likely label errors in training data: what models disagree with that never saw it.

The documents are parted into folds; a model trained on the other folds reads each one. Where it is
sure of something else than the annotation, a person should look (Northcutt et al. 2021, "Confident
Learning: Estimating Uncertainty in Dataset Labels").
"""

import logging
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from marsad.calibration import CHECKPOINT
from marsad.config import RunConfig
from marsad.disagreements import Disagreement, rank_entities, rank_events, surest_first
from marsad.folds import Fold, part, run_of
from marsad.reader import Watch
from marsad.runtime import load
from marsad.systems import ask_reader
from marsad.training import train

log = logging.getLogger(__name__)


def find_doubts(config: RunConfig, *, folds: int, watch: Watch = iter) -> list[Disagreement]:
    """Return the disagreements on the training split, in the order of :func:`in_turn`.

    Args:
        config: how to train; its own model folder is left alone.
        folds: how many models are trained.
        watch: passes documents on, and may show how far they are.

    Raises:
        ConfigError: fewer than two folds, one without documents, no documents of our own scheme, or
            a file of ``data.mixture`` that holds some of them too.
        DataError: a corpus file is missing or has an error.
    """
    found: list[Disagreement] = []
    for fold in part(config, folds):
        held_out = fold.held_out.documents
        log.info("fold %d of %d: %d documents held out", fold.number, folds, len(held_out))
        found += _read_fold(config, fold, watch)
    return in_turn(found)


def in_turn(found: Sequence[Disagreement]) -> list[Disagreement]:
    """Order disagreements by how sure they are among their own sort, one of each sort in turn.

    The sorts are mentions and events, claimed and left out: a model is sooner sure of silence than
    of a claim, so the two are not held against each other.
    """
    sorts: dict[tuple[bool, bool], list[Disagreement]] = defaultdict(list)
    for disagreement in found:
        sorts[disagreement.mark is None, disagreement.own is None].append(disagreement)
    rounds = zip_longest(*(surest_first(sort) for sort in sorts.values()))
    return [disagreement for turn in rounds for disagreement in turn if disagreement]


def _read_fold(config: RunConfig, fold: Fold, watch: Watch) -> list[Disagreement]:
    with tempfile.TemporaryDirectory() as scratch:
        run = run_of(config, fold, data=Path(scratch), output=Path(scratch) / "model")
        reader = load(train(run).path, file=CHECKPOINT)
        answers = ask_reader(reader, fold.held_out.documents, watch=watch)
    entities = rank_entities(answers, fold.held_out) if answers.entities else []
    events = rank_events(answers, fold.held_out) if answers.events else []
    return [*entities, *events]
