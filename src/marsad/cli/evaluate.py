"""``marsad evaluate``."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from marsad.scoring import Score, Scores
    from marsad.uncertainty import Interval


def evaluate(
    model: Path = typer.Argument(help="A model folder."),
    data: Path = typer.Argument(help="Annotated documents, JSON Lines."),
    file: str = typer.Option(
        None, help="Which file to run: onnx_int8, onnx or weights. Default: the first there is."
    ),
) -> None:
    """Score a model on annotated documents and record the figures in its metrics.json."""
    from marsad.cli.progress import show_progress
    from marsad.evaluation import evaluate as evaluate_model
    from marsad.model_folder import ModelFolder

    scores = evaluate_model(ModelFolder(model), data, file=file, watch=show_progress)
    show_scores(scores, title=f"{model} on {data}")


def show_scores(scores: "Scores", *, title: str) -> None:
    """Print tables of scores."""
    console = Console()
    if entities := scores.entities:
        _show(console, f"Entities (strict spans): {title}", entities.per_label, entities.micro)
        console.print(
            f"micro F1 {entities.micro.f1:.3f}{_interval(entities.micro_interval)}, "
            f"macro F1 {entities.macro_f1:.3f}{_interval(entities.macro_interval)}, "
            f"seqeval token-level F1 {entities.seqeval_f1:.3f}"
        )
    if events := scores.events:
        _show(console, f"Events: {title}", events.per_type, events.micro)
        _show(console, "Families", events.per_family, None)
        console.print(
            f"micro F1 {events.micro.f1:.3f}{_interval(events.micro_interval)}, "
            f"macro F1 {events.macro_f1:.3f}{_interval(events.macro_interval)}, "
            f"exact sets {events.exact_set_accuracy:.3f} of {events.sentences} sentences, "
            f"realis {events.realis_accuracy:.3f} of {events.realis_support} found types, "
            f"type with realis F1 {events.with_realis_micro.f1:.3f}"
        )
    if scores.never_predicted:
        console.print(f"[bold]never predicted:[/bold] {', '.join(scores.never_predicted)}")


def _interval(interval: "Interval | None") -> str:
    return f" ({interval.low:.3f} to {interval.high:.3f})" if interval else ""


def _show(console: Console, title: str, rows: Mapping[str, "Score"], micro: "Score | None") -> None:
    table = Table(title=title, title_justify="left")
    table.add_column("label")
    for column in ("precision", "recall", "F1", "support", "predicted"):
        table.add_column(column, justify="right")
    for name, score in [*rows.items(), *([("micro", micro)] if micro else [])]:
        figures = (f"{value:.3f}" for value in (score.precision, score.recall, score.f1))
        table.add_row(name, *figures, str(score.support), str(score.predicted))
    console.print(table)
