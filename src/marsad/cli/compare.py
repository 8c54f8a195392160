"""``marsad compare``."""

from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table


def compare(
    one: Path = typer.Argument(help="A model folder, or a file of records (JSON Lines)."),
    other: Path = typer.Argument(help="The one to compare it with."),
    data: Path = typer.Argument(help="Annotated documents, JSON Lines."),
) -> None:
    """Print by how much one system is better than another, and whether that could be chance."""
    from marsad.cli.progress import show_progress
    from marsad.comparison import compare_systems

    rows = compare_systems(one, other, data, watch=show_progress)
    table = Table(title=f"{one} against {other} on {data}", title_justify="left")
    table.add_column("figure")
    for column in ("one", "other", "difference", "95 % interval", "p"):
        table.add_column(column, justify="right")
    for row in rows:
        interval = row.difference.interval
        table.add_row(
            row.name,
            f"{row.one:.3f}",
            f"{row.other:.3f}",
            f"{row.difference.value:+.3f}",
            f"{interval.low:+.3f} to {interval.high:+.3f}",
            f"{row.difference.p:.4f}",
        )
    Console().print(table)
