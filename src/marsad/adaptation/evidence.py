"""Whether an encoder is better than its base: the same runs over both, by seeds."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from marsad.config import RunConfig, load_config, with_values
from marsad.encoders.own import BUILTIN, OWN, own_folder
from marsad.errors import ConfigError, ModelError
from marsad.metrics import Evaluation, read_metrics
from marsad.model_folder import ModelFolder
from marsad.scoring import SCORER_VERSION

# What runs that are compared may differ in.
_MAY_DIFFER = {"output": "any", "seed": 0, "encoder": "any", "cleaning": None}

# What evaluations that are compared may not differ in.
_ALIKE = ("data_sha256", "unit", "ruler", "scheme", "read_with")


@dataclass(frozen=True)
class Compared:
    """A figure of one recipe on one benchmark, by seed, over base and encoder."""

    recipe: str
    data: str
    figure: str
    support: int
    before: Mapping[str, float]
    after: Mapping[str, float]


@dataclass(frozen=True)
class _Run:
    folder: ModelFolder
    config: RunConfig

    @property
    def recipe(self) -> str:
        """Return what must be the same, as text."""
        return with_values(self.config, _MAY_DIFFER).to_yaml()


def compare_encoders(
    before: Sequence[Path], after: Sequence[Path], *, base: str, encoder: Path
) -> list[Compared]:
    """Compare models by what their folders record; each side may hold several recipes and seeds.

    Args:
        before: folders of models over the base.
        after: folders of models over the encoder.
        base: the encoder that those of ``before`` must be over.
        encoder: the folder that those of ``after`` must be over.

    Raises:
        ConfigError: a recipe is on one side alone, a seed is given twice, or a model is over
            another encoder.
        ModelError: a folder holds no model, or one that was not evaluated, or not like the others.
    """
    sides = [_by_recipe(side) for side in (before, after)]
    for side, wanted in zip(sides, (base, str(encoder)), strict=True):
        for run in (run for runs in side.values() for run in runs):
            if not _same_encoder(run.config.encoder, wanted):
                raise ConfigError(f"{run.folder.path}: is over {run.config.encoder}, not {wanted}")
    for recipe in sides[0].keys() ^ sides[1].keys():
        run = (sides[0].get(recipe) or sides[1][recipe])[0]
        raise ConfigError(
            f"{run.folder.path}: no run of the other side has its configuration; "
            "train it over both encoders"
        )
    return [
        compared
        for recipe, runs in sides[0].items()
        for compared in _compare(runs, sides[1][recipe])
    ]


def _same_encoder(name: str, other: str) -> bool:
    """Say whether two names are of one encoder: a folder may be named in several ways."""
    one, two = (own_folder() if own == BUILTIN + OWN else Path(own) for own in (name, other))
    return name == other or (one.is_dir() and one.resolve() == two.resolve())


def _by_recipe(folders: Sequence[Path]) -> Mapping[str, list[_Run]]:
    found: dict[str, list[_Run]] = defaultdict(list)
    for folder in map(ModelFolder, folders):
        run = _Run(folder, load_config(folder.require("run", "name a folder of `marsad train`")))
        same = found[run.recipe]
        if run.config.seed in {other.config.seed for other in same}:
            raise ConfigError(f"{folder.path}: seed {run.config.seed} is given twice")
        same.append(run)
    return found


def _compare(before: Sequence[_Run], after: Sequence[_Run]) -> list[Compared]:
    """Compare the figures that all runs have."""
    _check_alike([*before, *after])
    own, other = _by_seed(before), _by_seed(after)
    found = [*own.values(), *other.values()]
    shared = [key for key in found[0] if all(key in figures for figures in found)]
    return [
        Compared(
            before[0].config.name,
            *key,
            {seed: figures[key] for seed, figures in own.items()},
            {seed: figures[key] for seed, figures in other.items()},
        )
        for key in shared
    ]


def _check_alike(runs: Sequence[_Run]) -> None:
    """Refuse evaluations on data of one name that say different things."""
    first: dict[str, tuple[ModelFolder, Evaluation]] = {}
    for run in runs:
        for data, own in read_metrics(run.folder).evaluations.items():
            folder, other = first.setdefault(data, (run.folder, own))
            for name in _ALIKE:
                if getattr(own, name) != getattr(other, name):
                    raise ModelError(
                        f"{run.folder.path}: its {name} on {data} is not that of {folder.path}; "
                        "evaluate both alike"
                    )


def _by_seed(runs: Sequence[_Run]) -> Mapping[str, Mapping[tuple[str, str, int], float]]:
    return {str(run.config.seed): _figures(run.folder) for run in runs}


def _figures(folder: ModelFolder) -> dict[tuple[str, str, int], float]:
    """Return figures by benchmark, name and support."""
    evaluations = read_metrics(folder).evaluations
    if not evaluations:
        raise ModelError(f"{folder.path}: not evaluated; run: marsad evaluate {folder.path} DATA")
    found = {}
    for data, evaluation in evaluations.items():
        if evaluation.scorer != SCORER_VERSION:
            raise ModelError(f"{folder.path}: scored by another scorer; evaluate it again")
        for part, table in evaluation.scores.tables.items():
            found[data, f"{part}, micro F1", table.micro.support] = table.micro.f1
            found[data, f"{part}, macro F1", table.micro.support] = table.macro_f1
    return found
