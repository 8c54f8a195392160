"""How a run was chosen among others: what seeds and a search leave in and around its folder.

The figures of a card must hold where the folder alone is; so the outcome goes into the record.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from pydantic import TypeAdapter, ValidationError

from marsad.config import RunConfig, load_config, with_values
from marsad.errors import ModelError
from marsad.files import read_records
from marsad.metrics import Choice
from marsad.model_folder import ModelFolder

_SEEDS, _SCORE = "seeds.json", "eval_score"  # as marsad.repeats, which needs torch, writes them
_SEARCHED, _TRIALS = "best.yaml", "trials"  # likewise marsad.search, which needs optuna
# What a search or several seeds may change besides the searched values.
_OF_NO_VALUE = {
    "output": "any",
    "seed": 0,
    "train.seeds": [],
    "train.keep": "best",
    "train.trackers": [],
}


@dataclass(frozen=True)
class SeedFigure:
    """A figure of each of several runs by its seed, with mean and deviation."""

    values: Mapping[str, float]
    mean: float
    sd: float


@dataclass(frozen=True)
class SeedRuns:
    """``seeds.json``: the runs of several seeds, and what was kept: the best, or their mean."""

    figures: Mapping[str, SeedFigure]
    best: int | None = None
    mean: Mapping[str, float] | None = None

    @property
    def scores(self) -> Mapping[str, float]:
        """The dev score of each run by its seed."""
        return self.figures[_SCORE].values


def read_choice(folder: ModelFolder, run: RunConfig, recorded: Choice) -> Choice:
    """Return how a run was chosen: what the files say, or, where they are gone, the record.

    Raises:
        ModelError: ``seeds.json`` is damaged.
    """
    searched = was_searched(folder, run) or recorded.searched
    if (found := _read(folder, run)) is None:
        return replace(recorded, searched=searched)
    mean = found.mean[_SCORE] if found.mean else None
    return Choice(seeds=found.scores, mean=mean, searched=searched)


def read_seeds(folder: ModelFolder, run: RunConfig) -> Mapping[str, float]:
    """Return the dev score of each run that a model is the best or the mean of, by its seed.

    None where it is of one run; a record of other runs, made in the folder before, does not count.

    Raises:
        ModelError: ``seeds.json`` is damaged.
    """
    found = _read(folder, run)
    return found.scores if found else {}


def _read(folder: ModelFolder, run: RunConfig) -> SeedRuns | None:
    path = folder.path / _SEEDS
    if not path.exists():
        return None
    try:
        found = _seed_runs().validate_json(path.read_bytes())
        kept = found.mean[_SCORE] if found.mean else found.scores[str(found.best)]
    except (ValidationError, KeyError):
        raise ModelError(f"{path}: not a record of seeds; train again, or delete it") from None
    if found.mean:
        is_of_them = run.train.keep == "mean" and [*map(str, run.train.seeds)] == [*found.scores]
    else:
        is_of_them = found.best == run.seed and _best_score(folder) in (None, kept)
    return found if is_of_them else None


@cache
def _seed_runs() -> TypeAdapter[SeedRuns]:
    return TypeAdapter(SeedRuns)


def _best_score(folder: ModelFolder) -> float | None:
    """Return the dev score that the model was kept of; None where no log says."""
    if not folder["log"].exists():
        return None
    lines = read_records(folder["log"])
    return max((float(line[_SCORE]) for _, line in lines if _SCORE in line), default=None)


def was_searched(folder: ModelFolder, run: RunConfig) -> bool:
    """Say whether a run's values are those that a search in its folder, or around it, chose."""
    home = folder.path.resolve()
    places = [home, *([home.parent.parent] if home.parent.name == _TRIALS else [])]
    found = [place / _SEARCHED for place in places if (place / _SEARCHED).exists()]
    own = with_values(run, _OF_NO_VALUE)
    return any(with_values(load_config(path), _OF_NO_VALUE) == own for path in found)
