"""Fitting a calibration on annotated documents that the model was not trained on.

Scale and shifts are a logistic regression on log-odds. How far the shifts of the names may part is
chosen by cross-validation over documents: few documents give one common curve, many give each name
its own. Figures behind the choices made here stand in docs/experiments.md.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

from marsad.benchmarks import Benchmark
from marsad.calibration import (
    Abstention,
    Calibration,
    Curve,
    logit,
    read_calibration,
    write_calibration,
)
from marsad.config import RunConfig, load_config
from marsad.corpus import find_shared, read_corpus
from marsad.decisions import Judgement, decide_types
from marsad.document import SCORE_DIGITS, VOTES, Document
from marsad.errors import ConfigError, DataError, ModelError
from marsad.labels import scheme
from marsad.metrics import read_metrics, write_metrics
from marsad.model_folder import ModelFolder
from marsad.reader import Watch
from marsad.runtime import open_reader
from marsad.scoring.reliability import level_for_risk
from marsad.scoring.ruler import own_ruler
from marsad.tasks import Task
from marsad.thresholds import fit_families, fit_thresholds

log = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

FEWEST = 50  # decisions of each outcome, below which scores stay as they are
FOLDS = 5
SPREADS = (0.03, 0.1, 0.3, 1.0)  # standard deviation that the shifts of names may have
_WIDE = 30.0  # that of the scale: hardly held back


@dataclass(frozen=True)
class Decisions:
    """Scores of decisions, the name that each is about, whether it holds, and its document.

    Shapes (decisions,); ``names`` are numbers of ``labels``.
    """

    labels: tuple[str, ...]
    scores: Floats
    names: Ints
    holds: Bools
    documents: Ints

    def probabilities(self, curve: Curve) -> Floats:
        """Return what a curve makes of the scores."""
        return curve(self.scores, [self.labels[i] for i in self.names])


def fit_calibration(
    judgements: Sequence[Judgement],
    gold: Sequence[Document],
    *,
    task: Task,
    fitted_on: str,
    most_risk: float | None = None,
    families: bool = False,
) -> Calibration:
    """Fit curves and thresholds, and the levels below which more than ``most_risk`` is wrong.

    What the model does not read stays as it is.

    Args:
        judgements: what the model says of the documents.
        gold: the same documents, annotated.
        task: what the model reads.
        fitted_on: names the documents.
        most_risk: share of claims that may be wrong; None withholds nothing.
        families: whether families get thresholds too, where they pay; see :func:`fit_families`.
    """
    calibration = Calibration(fitted_on=fitted_on)
    if task != "events":
        mentions = mention_decisions(judgements, gold)
        curve = fit_curve(mentions)
        level = _level(mentions.probabilities(curve), mentions.holds, most_risk)
        calibration = replace(calibration, entities=curve, abstain=Abstention(entities=level))
    if task != "ner":
        types = type_decisions(judgements, gold)
        calibration = _with_events(calibration, types, most_risk, families=families)
    return calibration


def fit_on(dev: Benchmark, judgements: Sequence[Judgement], run: RunConfig) -> Calibration:
    """Fit as a run says on what a model says of its dev documents.

    A corpus with other labels says nothing of how sure ours are: nothing is fitted on it.
    """
    if dev.ruler != own_ruler():
        log.warning("%s: has other labels than ours, so the model is not calibrated", dev.data)
        return Calibration()
    return fit_calibration(
        judgements,
        dev.documents,
        task=run.task,
        fitted_on=dev.data,
        families=run.model.family_thresholds,
    )


def _with_events(
    calibration: Calibration, types: Decisions, most_risk: float | None, *, families: bool
) -> Calibration:
    curve = fit_curve(types)
    by_sentence = (-1, len(types.labels))
    probabilities = types.probabilities(curve).reshape(by_sentence)
    holds, documents = types.holds.reshape(by_sentence), types.documents[:: len(types.labels)]
    thresholds = fit_thresholds(probabilities, holds).round(3)
    calibration = replace(
        calibration,
        events=curve,
        thresholds=dict(zip(types.labels, thresholds.tolist(), strict=True)),
    )
    if families:
        found = fit_families(probabilities, holds, thresholds, documents=documents)
        calibration = replace(calibration, families=found)
    reported = decide_types(probabilities, calibration)
    level = _level(probabilities[reported], holds[reported], most_risk)
    return replace(calibration, abstain=replace(calibration.abstain, events=level))


def _level(probabilities: Floats, holds: Bools, most_risk: float | None) -> float:
    """Return the level that keeps the risk; 0 where none is wanted or nothing is claimed."""
    if most_risk is None or not len(holds):
        return 0.0
    return level_for_risk(probabilities.round(SCORE_DIGITS), holds, most=most_risk)


def calibrate(
    folder: ModelFolder,
    data: Path | None = None,
    *,
    file: str | None = None,
    most_risk: float | None = None,
    watch: Watch = iter,
) -> Calibration:
    """Fit the calibration of a model file anew and write it into the folder.

    Figures that were measured under the old one are removed, and the card that shows them.

    Args:
        folder: the model.
        data: annotated documents; by default the dev split of the run.
        file: which file of the model to run, see :func:`marsad.runtime.load`.
        most_risk: see :func:`fit_calibration`.
        watch: passes the documents on, and may show how far they are.

    Raises:
        ConfigError: the risk is no share, or the documents are those the model was trained on.
        DataError: the documents cannot be read, or the model decides too little in them.
        ModelError: the folder holds no usable model.
    """
    if most_risk is not None and not 0 < most_risk < 1:
        raise ConfigError(f"risk {most_risk:g}: give a share between 0 and 1")
    run = load_config(folder.require("run", "calibrate a folder that `marsad train` wrote"))
    data = data or Path(run.data.dev)
    if str(data.resolve()) in {str(Path(part.corpus).resolve()) for part in run.data.parts}:
        raise ConfigError(f"{data}: the model was trained on it; calibrate on other documents")
    gold = read_corpus(data)
    _check_apart(gold, data, run)
    reader = open_reader(folder, file=file)
    judgements = list(reader.judge(watch(gold)))
    _check_enough(judgements, gold, data, _before(folder, reader.role))
    calibration = fit_calibration(
        judgements,
        gold,
        task=run.task,
        fitted_on=str(data),
        most_risk=most_risk,
        families=run.model.family_thresholds,
    )
    write_calibration(calibration, folder, reader.role)
    folder["card"].unlink(missing_ok=True)
    kept = replace(read_metrics(folder), evaluations={}, seeds={}, stress={})
    write_metrics(kept, folder)
    return calibration


def _check_apart(gold: Sequence[Document], data: Path, run: RunConfig) -> None:
    """Refuse documents that the model learnt from, in a file of another name.

    Raises:
        ConfigError: one is.
    """
    for part in run.data.parts:
        learnt = read_corpus(Path(part.corpus)) if Path(part.corpus).is_file() else []
        annotated = [own for own in learnt if VOTES not in own.meta]  # and not labelled by models
        if found := find_shared(gold, annotated):
            raise ConfigError(
                f"{data}: the model was trained on document {found.id!r}, of {part.corpus}; "
                "calibrate on other documents"
            )


def _before(folder: ModelFolder, role: str) -> Calibration:
    """Return the calibration that is there; one that is damaged or missing is none."""
    try:
        return read_calibration(folder, role)
    except ModelError:
        return Calibration()


def _check_enough(
    judgements: Sequence[Judgement], gold: Sequence[Document], data: Path, before: Calibration
) -> None:
    """Refuse documents on which no curve can be fitted where one was before: it would be lost.

    Raises:
        DataError: they are too few.
    """
    for what, decide, curve in (
        ("mentions", mention_decisions, before.entities),
        ("event types", type_decisions, before.events),
    ):
        if curve == Curve():
            continue
        holds = decide(judgements, gold).holds
        right, wrong = int(holds.sum()), int((~holds).sum())
        if min(right, wrong) < FEWEST:
            raise DataError(
                f"{data}: {right} {what} that are right and {wrong} that are wrong, where "
                f"probabilities take {FEWEST} of each to be fitted; give more documents"
            )


def mention_decisions(judgements: Sequence[Judgement], gold: Sequence[Document]) -> Decisions:
    """Return every claimed mention; it holds where start, end and label are annotated."""
    labels = scheme().entity_names
    rows = [
        (e.score, labels.index(e.label), (e.start, e.end, e.label) in truth, i)
        for i, (judgement, document) in enumerate(zip(judgements, gold, strict=True))
        for truth in [{(e.start, e.end, e.label) for e in document.entities}]
        for e in judgement.document.entities
    ]
    columns = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    which, holds, documents = (
        columns[1].astype(int),
        columns[2].astype(bool),
        columns[3].astype(int),
    )
    return Decisions(labels, columns[0], which, holds, documents)


def type_decisions(judgements: Sequence[Judgement], gold: Sequence[Document]) -> Decisions:
    """Return every type of every sentence, sentence by sentence; it holds where it is annotated."""
    names = scheme().event_names
    scores = np.concatenate([judgement.events for judgement in judgements]).astype(np.float64)
    sets = [{e.type for e in s.events} for document in gold for s in document.sentences]
    holds = np.array([[name in types for name in names] for types in sets], dtype=bool)
    documents = np.repeat(np.arange(len(gold)), [len(d.sentences) * len(names) for d in gold])
    columns = np.tile(np.arange(len(names)), len(sets))
    return Decisions(names, scores.ravel(), columns, holds.ravel(), documents)


def fit_curve(decisions: Decisions) -> Curve:
    """Fit a scale and shifts; with too few decisions of either outcome, scores stay as they are."""
    if min(decisions.holds.sum(), (~decisions.holds).sum()) < FEWEST:
        return Curve()
    with threadpool_limits(1):  # the products are too small to be shared
        spread = min(SPREADS, key=lambda s: _held_out_loss(_features(decisions, s), decisions))
        model = _regression().fit(_features(decisions, spread), decisions.holds)
    scale, *shifts = model.coef_[0].tolist()
    if scale <= 0:
        return Curve()  # such scores say nothing; their order is not turned round
    common = float(model.intercept_[0])
    own = {
        name: common + shift * spread for name, shift in zip(decisions.labels, shifts, strict=True)
    }
    return Curve(scale * _WIDE, own)


def _regression() -> LogisticRegression:
    """Return a regression whose weights have a standard normal prior."""
    return LogisticRegression(C=1.0, max_iter=5000)


def _features(decisions: Decisions, spread: float) -> Floats:
    """Return log-odds and which name it is, scaled to what their weights may be."""
    which = np.eye(len(decisions.labels))[decisions.names] * spread
    return np.hstack([logit(decisions.scores)[:, None] * _WIDE, which])


def _held_out_loss(features: Floats, decisions: Decisions) -> float:
    """Return the log loss on documents that the curve was not fitted on.

    Infinite where they are too few, or too much alike, to be held out.
    """
    probabilities = np.zeros(len(features))
    documents = len(np.unique(decisions.documents))
    if documents < 2:
        return np.inf
    folds = GroupKFold(min(FOLDS, documents))
    for train, test in folds.split(features, decisions.holds, decisions.documents):
        if len(np.unique(decisions.holds[train])) < 2:
            return np.inf
        model = _regression().fit(features[train], decisions.holds[train])
        probabilities[test] = model.predict_proba(features[test])[:, 1]
    return float(log_loss(decisions.holds, probabilities, labels=[False, True]))
