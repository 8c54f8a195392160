"""``marsad data doubts``."""

import json
from pathlib import Path

import typer
from rich.markup import escape
from rich.table import Table

from marsad.cli.screen import screen

_SHOWN = 30


def doubts(
    config: Path = typer.Argument(help="A run configuration; its train split is looked through."),
    overrides: list[str] = typer.Argument(None, help="key.sub=value, as many as you like."),
    folds: int = typer.Option(3, help="How many models to train, each on the other folds."),
    output: Path = typer.Option(
        ..., "--output", "-o", help="Write all disagreements here, JSON Lines."
    ),
) -> None:
    """Rank likely annotation errors by what models are sure of that did not learn from them."""
    from marsad.cli.progress import show_progress
    from marsad.config import load_config
    from marsad.files import atomic_write

    run = load_config(config, overrides=tuple(overrides or ()))
    from marsad.doubts import find_doubts

    with atomic_write(output) as out:  # before hours are spent
        found = find_doubts(run, folds=folds, watch=show_progress)
        out.writelines(f"{json.dumps(d.to_record(), ensure_ascii=False)}\n" for d in found)
    table = Table("document", "at", "kind", "annotated", "predicted", "sure")
    for doubt in found[:_SHOWN]:
        sure = "-" if doubt.confidence is None else f"{doubt.confidence:.2f}"
        at = f"{doubt.start}..{doubt.end}"
        sides = (doubt.gold or "nothing", doubt.own or "nothing")
        table.add_row(*map(escape, (doubt.document, at, doubt.kind, *sides, sure)))
    screen().print(table)
    typer.echo(f"{output}: {len(found)} disagreements")
