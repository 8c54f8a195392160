"""``marsad predict``."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from marsad.document import Document
from marsad.errors import ConfigError
from marsad.files import atomic_write, decode_text, read_text
from marsad.page import render_page


class Format(StrEnum):
    """What a prediction can be written as."""

    jsonl = "jsonl"
    html = "html"
    table = "table"


def predict(
    files: list[Path] = typer.Argument(help="Text files, UTF-8; - reads standard input."),
    model: Path = typer.Option(..., "--model", "-m", help="A model folder."),
    file: str = typer.Option(
        None, help="Which file to run: onnx_int8, onnx or weights. Default: the first there is."
    ),
    abstain: float = typer.Option(
        None, help="Withhold what is less probable; by default as the model's calibration says."
    ),
    format: Format = typer.Option(  # noqa: A002
        None, "--format", "-f", help="What to print; jsonl when there is no -o."
    ),
    output: list[Path] = typer.Option(
        [], "--output", "-o", help="Write .jsonl (all documents) or .html (one); may be repeated."
    ),
) -> None:
    """Read texts and mark their entities and events."""
    _check_outputs(output, files)
    documents = list(_read_documents(files))
    from marsad.runtime import load

    reader = load(model, file=file, abstain=abstain)
    shown = format or (None if output else Format.jsonl)
    with ExitStack() as stack:
        lines = [
            stack.enter_context(atomic_write(path)) for path in output if path.suffix == ".jsonl"
        ]
        for document in track(
            reader.pipe(documents),
            "reading",
            total=len(documents),
            console=Console(stderr=True),
            transient=True,
        ):
            for out in lines:
                out.write(document.to_json() + "\n")
            _print(document, shown)
            for path in output:
                if path.suffix == ".html":
                    with atomic_write(path) as page:
                        page.write(render_page(document))


def _check_outputs(output: list[Path], files: list[Path]) -> None:
    for path in output:
        if path.suffix not in (".jsonl", ".html"):
            raise ConfigError(f"{path}: unknown output format {path.suffix!r}; use .jsonl or .html")
        if path.suffix == ".html" and len(files) > 1:
            raise ConfigError(f"{path}: a page holds one document, and {len(files)} were given")


def _read_documents(files: list[Path]) -> Iterator[Document]:
    for path in files:
        if str(path) == "-":
            text = decode_text(sys.stdin.buffer.read(), "standard input")
            yield Document(id="stdin", text=text)
        else:
            yield Document(id=path.stem, text=read_text(path))


def _print(document: Document, shown: Format | None) -> None:
    if shown is Format.jsonl:
        typer.echo(document.to_json())
    elif shown is Format.html:
        typer.echo(render_page(document))
    elif shown is Format.table:
        _print_tables(document, Console())


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
