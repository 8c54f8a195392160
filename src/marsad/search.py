"""The search for better values of a run's keys, by Optuna (Akiba et al. 2019).

Values come from a tree-structured Parzen estimator (Bergstra et al. 2011); a trial whose dev scores
stay under the median of those before it ends early. The search stands in a SQLite file, so that one
that was killed goes on, and the trial that ran with it, from its last checkpoint. Each trial's
values depend on the seed, on how many trials ended before it and on their scores, and on nothing
else: one process searches at a time.
"""

import json
import logging
import math
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from marsad.checkpoints import differing
from marsad.config import RunConfig, with_values
from marsad.encoders.loading import load_encoder
from marsad.errors import ConfigError, MarsadError, MissingExtraError, TrainingError
from marsad.files import atomic_write
from marsad.finished_runs import SCORE, best_scoring
from marsad.locking import alone
from marsad.repeats import check_data, refuse_processes
from marsad.sections import Choice, Range, SearchConfig
from marsad.training import run_record, train

try:
    import optuna
    from optuna.trial import TrialState
    from sqlalchemy.engine import URL
    from sqlalchemy.exc import DatabaseError
except ModuleNotFoundError:
    raise MissingExtraError("optuna", "hpo") from None

log = logging.getLogger(__name__)

DATABASE, TRIALS, BEST, LOCK = "search.db", "trials", "best.yaml", "search.lock"
MOST_FAILURES = 3  # in a row
# What a search may not change: it would compare scores of different things, or lose its runs.
_FIXED = ("name", "output", "task", "data.dev", "data.test", "train.seeds", "search")
_ERROR, _RECORD = "error", "run"
_STUDY = "search"

Ending = Literal["complete", "pruned", "failed"]


@dataclass(frozen=True)
class Trial:
    """A trial that ended by itself: the values of the searched keys, and the best dev score.

    ``score`` is that of the last scoring where the trial was pruned, None where it failed.
    """

    number: int
    ending: Ending
    score: float | None
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Search:
    """A finished search: its trials, and where the best configuration and its model stand."""

    trials: tuple[Trial, ...]
    best: Trial
    config: Path
    model: Path


def search(config: RunConfig, *, restart: bool = False) -> Search:
    """Search for the values of the best dev score and write ``best.yaml``, ready to be trained.

    The search stands in ``search.db`` of the run's folder, the model of the best trial in
    ``trials/NUMBER``. A trial trains with ``seed`` alone; ``train.seeds`` stay for the best.

    Args:
        config: the run; its ``search`` says what is tried.
        restart: forget an earlier search in the same folder.

    Raises:
        ConfigError: no ``search``, a space that no run could take, an earlier search of another
            configuration or data, another search at work in the folder, or several processes.
        DataError: a corpus is missing or has an error.
        TrainingError: trials failed one after the other.
    """
    refuse_processes("--search")
    space = check_space(config)
    check_data(config)
    with alone(config.output, work="search", lock=config.output / LOCK):
        if restart:
            _forget(config.output)
        study = _open(config, space)
        _clear(study, config)
        _run_all(study, config, space)
        return _result(study, config, space)


def _run_all(study: optuna.Study, config: RunConfig, space: SearchConfig) -> None:
    failures = 0
    while _finished(study) < space.trials:
        problem = _run_next(study, config, space)
        _clear(study, config)
        failures = failures + 1 if problem else 0
        if failures == MOST_FAILURES:
            raise TrainingError(
                f"{failures} trials failed one after the other, the last: {problem}"
            )


def check_space(config: RunConfig) -> SearchConfig:
    """Return the search of a configuration, each value of whose space a run could take.

    Raises:
        ConfigError: there is none, or a key or value is refused, or names what cannot be loaded.
    """
    if config.search is None:
        raise ConfigError("search: none is given; see configs/search.yaml")
    for key, choice in config.search.space.items():
        if any(f"{key}.".startswith(f"{own}.") or own.startswith(f"{key}.") for own in _FIXED):
            raise ConfigError(f"search.space: {key} cannot be searched; leave it out")
        for value in _probes(choice):
            try:
                _check_value(config, key, value)
            except MarsadError as error:
                raise ConfigError(f"search.space: {error}") from None
    return config.search


def _check_value(config: RunConfig, key: str, value: object) -> None:
    run = with_values(config, {key: value})
    if key == "encoder":
        load_encoder(run.encoder)
    elif key.startswith("data."):
        check_data(run)


def _probes(choice: Choice) -> Iterator[object]:
    """Yield all values of a list; the bounds of a range and, where it has any, a fraction."""
    if not isinstance(choice, Range):
        yield from choice
        return
    yield from (choice.low, choice.high)
    if not _is_whole(choice):
        yield choice.low + (choice.high - choice.low) / math.pi


def _is_whole(choice: Range) -> bool:
    return isinstance(choice.low, int) and isinstance(choice.high, int)


def _open(config: RunConfig, space: SearchConfig) -> optuna.Study:
    """Open or start the study, and settle which trials of a process that was killed go on."""
    study = _load(config)
    changed = _check_same(study, config, space)
    if changed and not _ended(study):  # a trial that was killed may have values of another space
        optuna.delete_study(study_name=_STUDY, storage=study._storage)
        study = _load(config)
        _check_same(study, config, space)
    for trial in _running(study):
        if changed or trial.params.keys() != space.space.keys():
            log.info("trial %d was killed; its values are tried again", trial.number)
            study.tell(trial.number, state=TrialState.FAIL)
    return study


def _load(config: RunConfig) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path = config.output / DATABASE
    try:
        return optuna.create_study(
            study_name=_STUDY,
            storage=URL.create("sqlite", database=str(path)).render_as_string(),
            direction="maximize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=2),
            load_if_exists=True,
        )
    except DatabaseError:
        raise ConfigError(
            f"{path}: not a search; move it away, or forget it by --restart"
        ) from None


def _check_same(study: optuna.Study, config: RunConfig, space: SearchConfig) -> list[str]:
    """Check that a study is of this run, and say so in it; return what has changed even so.

    That is the folder's name, and whatever was changed before the first trial ended.

    Raises:
        ConfigError: it is of another configuration, space or data.
    """
    record = run_record(with_values(config, {"train.seeds": []}))
    record["search.space"] = space.model_dump(mode="json")["space"]
    changed = differing(study.user_attrs.get(_RECORD, {}), record)
    if _ended(study) and changed not in ([], ["output"]):
        raise ConfigError(
            f"{config.output / DATABASE}: a search that differs in {', '.join(changed)}; "
            "go on with it as it was, or start anew with --restart"
        )
    study.set_user_attr(_RECORD, record)
    return changed


def _running(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return study.get_trials(deepcopy=False, states=[TrialState.RUNNING])


def _run_next(study: optuna.Study, config: RunConfig, space: SearchConfig) -> str | None:
    """Run a trial, or let a killed one go on, and tell the study; return why it failed, if so."""
    seed = np.random.SeedSequence((config.seed, len(_ended(study)))).generate_state(1)
    study.sampler = optuna.samplers.TPESampler(seed=int(seed[0]))
    trial = _killed(study) or study.ask()
    values = {key: _suggest(trial, key, choice) for key, choice in space.space.items()}
    log.info("trial %d: %s", trial.number, values)
    try:
        score = _train(config, trial, values)
    except optuna.TrialPruned:
        study.tell(trial, state=TrialState.PRUNED)
    except MarsadError as error:  # values that do not go together, or diverge
        log.warning("trial %d failed: %s", trial.number, error)
        trial.set_user_attr(_ERROR, str(error))
        study.tell(trial, state=TrialState.FAIL)
        return str(error)
    else:
        study.tell(trial, score)
    return None


def _killed(study: optuna.Study) -> optuna.Trial | None:
    """Return the trial that ran when a process was killed; suggesting gives the values it has."""
    running = _running(study)
    return optuna.Trial(study, running[0]._trial_id) if running else None


def _train(config: RunConfig, trial: optuna.Trial, values: Mapping[str, Any]) -> float:
    known = {*trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values}

    def report(epochs: float, score: float) -> None:
        if (step := math.ceil(epochs)) not in known:
            trial.report(score, step)
        if trial.should_prune():
            raise optuna.TrialPruned

    own = {"output": str(_folder(config, trial.number)), "train.trackers": []}
    run = with_values(_plain(config), {**values, **own, "train.seeds": []})
    return best_scoring(train(run, progress=report))[SCORE]


def _plain(config: RunConfig) -> RunConfig:
    return with_values(config, {"search": None})


def _folder(config: RunConfig, number: int) -> Path:
    return config.output / TRIALS / str(number)


def _suggest(trial: optuna.Trial, key: str, choice: Choice) -> object:
    if not isinstance(choice, Range):
        return json.loads(trial.suggest_categorical(key, [json.dumps(value) for value in choice]))
    if _is_whole(choice):
        return trial.suggest_int(key, int(choice.low), int(choice.high), log=choice.log)
    return trial.suggest_float(key, choice.low, choice.high, log=choice.log)


def _values(trial: optuna.trial.FrozenTrial, space: SearchConfig) -> dict[str, Any]:
    """Return the values that a trial's parameters stand for; those of lists are kept as JSON."""
    return {
        key: trial.params[key] if isinstance(choice, Range) else json.loads(trial.params[key])
        for key, choice in space.space.items()
    }


def _ended(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Return the trials that ended by themselves: all but those that were killed."""
    own = (TrialState.COMPLETE, TrialState.PRUNED)
    trials = study.get_trials(deepcopy=False)
    return [t for t in trials if t.state in own or _ERROR in t.user_attrs]


def _finished(study: optuna.Study) -> int:
    return sum(_ERROR not in trial.user_attrs for trial in _ended(study))


def _best(study: optuna.Study) -> optuna.trial.FrozenTrial | None:
    complete = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    return max(complete, key=lambda trial: trial.value or 0.0, default=None)


def _clear(study: optuna.Study, config: RunConfig) -> None:
    """Write the best values so far; remove the models of all trials that have ended but its."""
    best = _best(study)
    if best is not None:
        assert config.search is not None
        run = with_values(_plain(config), _values(best, config.search))
        with atomic_write(config.output / BEST) as out:
            out.write(run.to_yaml())
    kept = {str(trial.number) for trial in (best, *_running(study)) if trial}
    for folder in (config.output / TRIALS).glob("*"):
        if folder.is_dir() and folder.name not in kept:
            shutil.rmtree(folder)


def _forget(output: Path) -> None:
    for path in output.glob(f"{DATABASE}*"):  # with SQLite's journal
        path.unlink()
    (output / BEST).unlink(missing_ok=True)
    shutil.rmtree(output / TRIALS, ignore_errors=True)


def _result(study: optuna.Study, config: RunConfig, space: SearchConfig) -> Search:
    endings: dict[TrialState, Ending] = {
        TrialState.COMPLETE: "complete",
        TrialState.PRUNED: "pruned",
    }
    trials = [
        Trial(t.number, endings.get(t.state, "failed"), t.value, _values(t, space))
        for t in _ended(study)
    ]
    best = max((t for t in trials if t.ending == "complete"), key=lambda t: t.score or 0.0)
    return Search(tuple(trials), best, config.output / BEST, _folder(config, best.number))
