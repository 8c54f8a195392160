"""Likely label errors in training data: what models disagree with that never saw it.

The documents are parted into folds; a model trained on the other folds reads each one. Where it is
sure of something else than the annotation, a person should look (Northcutt et al. 2021, "Confident
Learning: Estimating Uncertainty in Dataset Labels").
"""

import logging
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

from marsad.benchmarks import Benchmark, open_benchmark
from marsad.calibration import CHECKPOINT
from marsad.config import RunConfig
from marsad.disagreements import Disagreement, rank_entities, rank_events, surest_first
from marsad.document import Document
from marsad.errors import ConfigError
from marsad.reader import Watch
from marsad.runtime import load
from marsad.splits import bucket_of
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
        ConfigError: fewer than two folds, or one without documents.
        DataError: a corpus file is missing or has an error.
    """
    if folds < 2:
        raise ConfigError(f"{folds} folds: give at least 2, so that no model reads what it learnt")
    if config.data.train is None:
        raise ConfigError("data.train: none is given, so there is nothing to look through")
    benchmark = open_benchmark(config.data.train)
    fold_of = {d.id: bucket_of(d.id, folds) for d in benchmark.documents}
    if len(set(fold_of.values())) < folds:
        raise ConfigError(
            f"{config.data.train}: {len(benchmark.documents)} documents leave a fold of "
            f"{folds} empty; give fewer folds"
        )
    found: list[Disagreement] = []
    for fold in range(folds):
        held_out = [d for d in benchmark.documents if fold_of[d.id] == fold]
        rest = [d for d in benchmark.documents if fold_of[d.id] != fold]
        log.info("fold %d of %d: %d documents held out", fold + 1, folds, len(held_out))
        found += _read_fold(config, rest, replace(benchmark, documents=held_out), watch)
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


def _read_fold(
    config: RunConfig, rest: Sequence[Document], held_out: Benchmark, watch: Watch
) -> list[Disagreement]:
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "train.jsonl"
        data.write_text("".join(f"{d.to_json()}\n" for d in rest), encoding="utf-8")
        run = config.model_copy(
            update={
                "data": config.data.model_copy(update={"train": str(data)}),
                "output": Path(scratch) / "model",
            }
        )
        reader = load(train(run).path, file=CHECKPOINT)
        answers = ask_reader(reader, held_out.documents, watch=watch)
    entities = rank_entities(answers, held_out) if answers.entities else []
    events = rank_events(answers, held_out) if answers.events else []
    return [*entities, *events]
