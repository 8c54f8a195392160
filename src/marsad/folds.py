"""Folds by document: parts of the training documents that are held out in turn.

Every document is read once by a model that never saw it (Stone 1974, "Cross-Validatory Choice and
Assessment of Statistical Predictions"). A document's fold depends on its id alone, or, of a text
that stands there again, on that of the first.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from marsad.benchmarks import PREFIX, Benchmark, open_benchmark
from marsad.calibration import CHECKPOINT, Calibration
from marsad.config import RunConfig, with_values
from marsad.corpus import find_shared, read_corpus, words_of
from marsad.document import Document
from marsad.errors import ConfigError
from marsad.evaluation import evaluate
from marsad.files import write_json
from marsad.finished_runs import best_scoring, train_once
from marsad.formats import jsonl
from marsad.mixture import check_corpora
from marsad.model_folder import ModelFolder
from marsad.reader import Watch
from marsad.repeats import Repeats, refuse_processes
from marsad.runtime import open_reader
from marsad.scoring import Scores
from marsad.sections import MixturePart
from marsad.seeds import figures
from marsad.splits import bucket_of
from marsad.systems import Answers, ask_reader

log = logging.getLogger(__name__)

FOLDS = "folds"


@dataclass(frozen=True)
class Fold:
    """Documents that are held out, and the rest, which is learnt from; folds count from 1."""

    number: int
    rest: Sequence[Document]
    held_out: Benchmark


@dataclass(frozen=True)
class CrossValidation:
    """What the run of each fold scored on its held-out documents, and all of them scored as one."""

    repeats: Repeats
    pooled: Scores

    def to_record(self) -> dict[str, object]:
        """Return JSON values."""
        pooled = {"score": self.pooled.overall, **figures(self.pooled)}
        return {
            "folds": len(self.repeats.figures),
            "documents": self.pooled.documents,
            "figures": self.repeats.to_record(),
            "pooled": pooled,
        }


def part(config: RunConfig, folds: int) -> list[Fold]:
    """Part the documents of a run's ``data.train``.

    Raises:
        ConfigError: fewer than two folds, one without documents, no documents of our own scheme, or
            a file of ``data.mixture`` that holds some of them too.
        DataError: a corpus file is missing or has an error.
    """
    if folds < 2:
        raise ConfigError(f"{folds} folds: give at least 2, so that no model reads what it learnt")
    train = config.data.train
    if train is None or train.startswith(PREFIX):
        raise ConfigError(f"data.train: {train}; folds are of documents of ours, so name a file")
    benchmark = open_benchmark(train)
    for other in config.data.mixture:
        _refuse_shared(benchmark.documents, other)
    first: dict[str, str] = {}  # of a text that stands there twice, the id in whose fold both are
    for document in benchmark.documents:
        first.setdefault(words_of(document), document.id)
    fold_of = {d.id: bucket_of(first[words_of(d)], folds) for d in benchmark.documents}
    if len(set(fold_of.values())) < folds:
        raise ConfigError(
            f"{train}: {len(fold_of)} documents leave a fold of {folds} empty; give fewer folds"
        )
    return [_fold(number, benchmark, fold_of) for number in range(folds)]


def _refuse_shared(documents: Sequence[Document], other: MixturePart) -> None:
    """Refuse a file from which the run of a fold would learn what the fold holds out.

    Raises:
        ConfigError: it holds one of the documents, by id or by text.
        DataError: it is missing or has an error.
    """
    if other.corpus.startswith(PREFIX):
        return
    ids, others = {document.id for document in documents}, read_corpus(Path(other.corpus))
    again = next((document for document in others if document.id in ids), None)
    if found := again or find_shared(others, documents):
        raise ConfigError(
            f"data.mixture: {other.corpus} holds document {found.id!r} of data.train too, "
            "and a fold would learn what it holds out; leave it out of one of them"
        )


def _fold(number: int, benchmark: Benchmark, fold_of: dict[str, int]) -> Fold:
    held_out = [d for d in benchmark.documents if fold_of[d.id] == number]
    rest = [d for d in benchmark.documents if fold_of[d.id] != number]
    return Fold(number + 1, rest, replace(benchmark, documents=held_out))


def run_of(config: RunConfig, fold: Fold, *, data: Path, output: Path) -> RunConfig:
    """Return the run that learns from what a fold leaves; it scores itself on ``data.dev``.

    Args:
        config: the run that learns from all documents.
        fold: what is held out.
        data: a folder to write the documents to.
        output: the new run's folder.
    """
    train = data / f"{fold.number}.train.jsonl"
    jsonl.write(fold.rest, train)
    return with_values(
        config,
        {"data.train": str(train), "output": str(output), "train.seeds": [], "search": None},
    )


def cross_validate(
    config: RunConfig, *, folds: int, restart: bool = False, watch: Watch = iter
) -> CrossValidation:
    """Train a run for each fold of ``data.train`` with that fold as its dev documents.

    The runs stand in ``folds/NUMBER`` of the run's folder, the figures in its ``folds.json``. Runs
    that are finished are not trained again, one that was killed goes on. The pooled figures are of
    scores as they are: a run's calibration was fitted on the documents that it would be used on.
    Which weights are kept was chosen on them too, so the figures are a little kind.

    Args:
        config: the run; its own model is left alone.
        folds: how many.
        restart: forget unfinished runs.
        watch: passes documents on, and may show how far they are.

    Raises:
        ConfigError: what :func:`part` raises, or several processes.
        DataError: a corpus is missing or has an error.
        MarsadError: what :func:`marsad.training.train` raises.
    """
    refuse_processes("--folds")
    parts = part(config, folds)
    check_corpora(config.data)
    trained = [(fold, train_once(_run(config, fold), restart=restart)) for fold in parts]
    found = CrossValidation(
        Repeats({str(fold.number): best_scoring(folder) for fold, folder in trained}),
        _score_together([_read(fold, folder, watch) for fold, folder in trained], parts),
    )
    write_json(config.output / "folds.json", found.to_record())
    return found


def _run(config: RunConfig, fold: Fold) -> RunConfig:
    home = config.output / FOLDS
    dev = home / "data" / f"{fold.number}.dev.jsonl"
    jsonl.write(fold.held_out.documents, dev)
    run = run_of(config, fold, data=home / "data", output=home / str(fold.number))
    return with_values(run, {"data.dev": str(dev)})


def _read(fold: Fold, folder: ModelFolder, watch: Watch) -> Answers:
    reader = open_reader(folder, file=CHECKPOINT)
    return ask_reader(reader, fold.held_out.documents, watch=watch)


def _score_together(answers: Sequence[Answers], parts: Sequence[Fold]) -> Scores:
    """Score the answers of all folds as those of one system."""
    together = replace(
        answers[0],
        documents=[document for own in answers for document in own.documents],
        judgements=[judgement for own in answers for judgement in own.judgements or ()],
        calibration=Calibration(),
    )
    documents = [document for fold in parts for document in fold.held_out.documents]
    return evaluate(together, replace(parts[0].held_out, documents=documents)).scores
