"""``marsad predict``."""

from collections.abc import Callable, Iterable, Iterator, Sized
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from marsad.cli.screen import screen
from marsad.document import Document
from marsad.page import render_page

T = TypeVar("T", bound=Sized)


class Format(StrEnum):
    """What a prediction can be written as."""

    jsonl = "jsonl"
    html = "html"
    table = "table"


def predict(
    inputs: list[Path] = typer.Argument(
        help="Text files, UTF-8; .jsonl or .parquet files of documents with id and text; folders "
        "of such; - reads standard input."
    ),
    model: Path = typer.Option(..., "--model", "-m", help="A model folder."),
    file: str = typer.Option(
        None,
        help="Which file to run: onnx_int8, onnx, weights, onnx_fp16. Default: the first there is.",
    ),
    abstain: float = typer.Option(
        None, help="Withhold what is less probable; by default as the model's calibration says."
    ),
    threads: int = typer.Option(
        1, "--threads", help="Cores that share a window; the others read other windows."
    ),
    provider: str = typer.Option(
        "CPU", "--provider", help="What onnxruntime computes on: CPU, CUDA, OpenVINO, Tensorrt."
    ),
    format: Format = typer.Option(  # noqa: A002
        None, "--format", "-f", help="What to print; jsonl when there is no -o."
    ),
    output: list[Path] = typer.Option(
        [],
        "--output",
        "-o",
        help="Write .jsonl, .json, .conll, .html (of one document), or a new folder of brat's "
        "files; may be repeated.",
    ),
    restart: bool = typer.Option(
        False, "--restart", help="Forget what an unfinished run into -o has read."
    ),
) -> None:
    """Read texts and mark their entities and events.

    With -o a run that was killed goes on when the same command is given again. What cannot be read
    is told with the reason, in OUTPUT.rejected.jsonl where there is an output; the exit code is 2.
    """
    from marsad.input_files import find_files
    from marsad.outputs import check_outputs, places_of
    from marsad.predicting import predict_into, predict_onto
    from marsad.runtime import load

    files = find_files(inputs, apart=places_of(output))
    check_outputs(output, files)
    reader = load(model, file=file, abstain=abstain, threads=threads, provider=provider)
    if output:
        predict_into(output, reader, files, restart=restart, show=_shower(format), watch=_watch)
    else:
        predict_onto(_shower(format or Format.jsonl), reader, files)


def _shower(shown: Format | None) -> Callable[[Document], None]:
    return lambda document: _print(document, shown)


def _watch(groups: Iterable[T], done: int) -> Iterator[T]:
    """Show how many inputs are answered; how many there are is not known."""
    columns = (SpinnerColumn(), TextColumn("{task.completed:.0f} documents"), TimeElapsedColumn())
    console = Console(stderr=True)
    silent = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=silent) as progress:
        task = progress.add_task("", completed=done)
        for group in groups:
            progress.advance(task, len(group))
            yield group


def _print(document: Document, shown: Format | None) -> None:
    if shown is Format.jsonl:
        typer.echo(document.to_json())
    elif shown is Format.html:
        typer.echo(render_page(document))
    elif shown is Format.table:
        _print_tables(document, screen())


def _print_tables(document: Document, console: Console) -> None:
    entities = Table(
        title=escape(f"{document.id}: {len(document.entities)} entities"), title_justify="left"
    )
    for column in ("start", "end", "label", "mention", "score"):
        entities.add_column(column, justify="left" if column in ("label", "mention") else "right")
    for e in document.entities:
        mention = escape(document.mention(e))
        entities.add_row(str(e.start), str(e.end), e.label, mention, f"{e.score:.2f}")
    console.print(entities)
    events = Table(title=escape(f"{document.id}: events"), title_justify="left", show_lines=True)
    for column in ("sentence", "events"):
        events.add_column(column)
    for sentence in document.sentences:
        text = document.text[sentence.start : sentence.end]
        found = "\n".join(f"{e.type} ({e.realis}) {e.score:.2f}" for e in sentence.events)
        events.add_row(escape(text if len(text) <= 90 else text[:90] + "…"), found or "-")
    console.print(events)
