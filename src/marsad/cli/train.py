"""``marsad train``."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape
from rich.table import Table

from marsad.cli.screen import screen
from marsad.errors import ConfigError

if TYPE_CHECKING:
    from marsad.config import RunConfig
    from marsad.repeats import Repeats

_COLUMNS = {
    "eval_score": "dev score",
    "eval_entity_f1": "entity F1",
    "eval_event_f1": "event F1",
}
_MEAN = "mean of weights"


def train(
    config: Path = typer.Argument(help="A run configuration, e.g. configs/joint.yaml."),
    overrides: list[str] = typer.Argument(None, help="key.sub=value, as many as you like."),
    restart: bool = typer.Option(
        False, "--restart", help="Forget an unfinished run, or a search, instead of going on."
    ),
    search: bool = typer.Option(
        False, "--search", help="Search for better values, as the configuration's search says."
    ),
    folds: int = typer.Option(
        None, "--folds", help="Cross-validate: train this many models, each on the other folds."
    ),
) -> None:
    """Train the model of a configuration and write its folder.

    With train.seeds it is trained once with each seed, and the best on dev is kept. What was
    killed goes on when the same command is given again.
    """
    from marsad.config import load_config

    run = load_config(config, overrides=tuple(overrides or ()))
    if folds is not None and search:
        raise ConfigError("--search and --folds exclude each other; search first")
    if folds is not None and run.train.seeds:
        raise ConfigError("--folds and train.seeds exclude each other; add train.seeds=[]")
    if search:
        _search(run, restart)
    elif folds is not None:
        _cross_validate(run, folds, restart)
    elif run.train.seeds:
        _train_seeds(run, restart)
    elif run.train.keep == "mean":
        raise ConfigError("train.keep: mean is of several runs; give train.seeds, or keep=best")
    else:
        _train(run, restart)


def _train(run: "RunConfig", restart: bool) -> None:
    from marsad.benchmarks import open_benchmark
    from marsad.finished_runs import best_scoring
    from marsad.training import train as train_model

    folder = train_model(run, restart=restart)
    best = best_scoring(folder)
    dev = open_benchmark(run.data.dev, source=run.data.corpora).documents
    mentions = any(document.entities for document in dev)
    events = any(sentence.events for document in dev for sentence in document.sentences)
    for figure, marked, what in (
        ("eval_entity_f1", mentions, "mention"),
        ("eval_event_f1", events, "event"),
    ):
        if marked and best.get(figure) == 0:
            typer.echo(
                f"marsad: no {what} of data.dev was found; train longer, or on more documents",
                err=True,
            )
    typer.echo(f"{folder.path}: trained; next: marsad export {folder.path}")


def _train_seeds(run: "RunConfig", restart: bool) -> None:
    from marsad.repeats import train_seeds

    repeats = train_seeds(run, restart=restart)
    _show_repeats("seed", repeats)
    kept = "the mean of the weights" if repeats.mean else f"the model of seed {repeats.best}"
    typer.echo(f"{run.output}: {kept}; next: marsad export {run.output}")


def _cross_validate(run: "RunConfig", folds: int, restart: bool) -> None:
    from marsad.cli.progress import show_progress
    from marsad.cli.score_tables import show_scores
    from marsad.folds import cross_validate

    found = cross_validate(run, folds=folds, restart=restart, watch=show_progress)
    show_scores(found.pooled, title=f"all folds of {run.data.train}")
    _show_repeats("fold", found.repeats)
    typer.echo(f"{run.output / 'folds.json'}: {found.pooled.documents} documents")


def _search(run: "RunConfig", restart: bool) -> None:
    from marsad.search import search

    found = search(run, restart=restart)
    rows = [
        (str(t.number), t.ending, "-" if t.score is None else f"{t.score:.3f}", *_cells(t.values))
        for t in found.trials
    ]
    names = ("trial", "ended", "dev score", *found.best.values)
    _show(names, rows, bold=str(found.best.number))
    typer.echo(
        f"{found.config}: the values of trial {found.best.number}; next: "
        f"marsad train {found.config}"
    )


def _cells(values: Mapping[str, Any]) -> list[str]:
    return [f"{v:.4g}" if isinstance(v, float) else str(v) for v in values.values()]


def _show_repeats(one: str, repeats: "Repeats") -> None:
    """Print the figures of each run, mean and deviation, and in bold those of what is kept."""
    names = [name for name in _COLUMNS if name in repeats.spreads]
    rows = [(run, *(f"{own[name]:.3f}" for name in names)) for run, own in repeats.figures.items()]
    spreads = [repeats.spreads[name] for name in names]
    rows.append(("mean ± sd", *(f"{s.mean:.3f} ± {s.sd:.3f}" for s in spreads)))
    if repeats.mean:
        rows.append((_MEAN, *(f"{repeats.mean[name]:.3f}" for name in names)))
    kept = _MEAN if repeats.mean else repeats.best
    _show((one, *(_COLUMNS[name] for name in names)), rows, bold=kept)


def _show(names: Iterable[str], rows: Iterable[tuple[str, ...]], *, bold: str) -> None:
    table = Table(*map(escape, names))
    for row in rows:
        table.add_row(*map(escape, row), style="bold" if row[0] == bold else None)
    screen().print(table)
