"""``marsad bench``."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from marsad.inputs import Given


def bench(
    model: Path = typer.Argument(help="A model folder of task joint, with checkpoint and exports."),
    texts: list[Path] = typer.Argument(help="What is read, as for predict: real articles."),
    most: int = typer.Option(500, "--most", min=1, help="Read at most this many documents."),
    rounds: int = typer.Option(2, "--rounds", min=1, help="Read all this often; the best counts."),
    output: Path = typer.Option(None, "--output", "-o", help="Write the figures as JSON."),
) -> None:
    """Time a model's files, and two pipelines of transformers on the same weights.

    Documents beyond the first are joined into long ones, to see how cost grows with length.
    """
    from itertools import islice

    from marsad.bench_reading.bench import bench as run_bench
    from marsad.bench_reading.measuring import LENGTHS
    from marsad.errors import DataError
    from marsad.files import check_writable, write_json
    from marsad.input_files import find_files
    from marsad.inputs import read_inputs
    from marsad.model_folder import ModelFolder

    if output:
        check_writable(output)
    unread: list[str] = []
    given = _texts(read_inputs(find_files(texts)), unread)
    read = list(islice(given, most))
    more = _words(given, max(LENGTHS))
    if not read:
        raise DataError((unread or [f"{texts[0]}: no document to read"])[0])
    source = ", ".join(map(str, texts)).encode(errors="backslashreplace").decode()
    result = run_bench(ModelFolder(model), read, source=source, rounds=rounds, more=more)
    for line in result.to_lines():
        typer.echo(line)
    if output:
        write_json(output, result.to_record())


def _texts(inputs: "Iterable[Given]", unread: list[str]) -> Iterator[str]:
    """Yield the texts of the inputs, and keep why others cannot be read."""
    from marsad.document import Document

    for own in inputs:
        if isinstance(own, Document):
            yield own.text
        else:
            unread.append(f"{own.where}: {own.reason}")


def _words(texts: Iterator[str], most: int) -> Iterator[str]:
    """Yield texts until they have so many words together."""
    from marsad.text.words import count_words

    words = 0
    while words < most and (text := next(texts, None)) is not None:
        words += count_words(text)
        yield text
