"""``marsad compare``."""

from pathlib import Path

import typer
from rich.markup import escape
from rich.table import Table

from marsad.cli.screen import screen


def compare(
    one: Path = typer.Argument(
        help="A model folder, a file of predictions, or a model's metrics.json."
    ),
    other: Path = typer.Argument(help="The one to compare it with."),
    data: str = typer.Argument(help="Annotated documents, JSON Lines, or a public: corpus."),
    label: list[str] = typer.Option(
        [], "--label", help="NAME=SCORED: what a label of predictions counts as; may be repeated."
    ),
    source: Path = typer.Option(None, help="Folder of the public corpora, or MARSAD_CORPORA."),
) -> None:
    """Print by how much one system is better than another, and whether that could be chance."""
    from marsad.benchmarks import open_benchmark
    from marsad.cli.evaluate import read_labels
    from marsad.cli.progress import show_progress
    from marsad.comparison import compare_systems

    benchmark = open_benchmark(data, source=source)
    labels = read_labels(label, benchmark.ruler)
    rows = compare_systems(one, other, benchmark, labels=labels, watch=show_progress)
    table = Table("figure", title=escape(f"{one} against {other} on {data}"), title_justify="left")
    for column in ("support", "one", "other", "difference", "95 % interval", "p"):
        table.add_column(column, justify="right")
    for row in rows:
        interval = row.difference.interval
        table.add_row(
            row.name,
            str(row.support),
            f"{row.one:.3f}",
            f"{row.other:.3f}",
            f"{row.difference.value:+.3f}",
            f"{interval.low:+.3f} to {interval.high:+.3f}" if interval else "-",
            "-" if row.difference.p is None else f"{row.difference.p:.4f}",
        )
    screen().print(table)
