"""``marsad data stats``."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from marsad.cli.screen import screen
from marsad.errors import MissingExtraError
from marsad.files import write_json

if TYPE_CHECKING:
    from marsad.stats import CorpusStats


def stats(
    paths: list[Path] = typer.Argument(help="Corpus files, or folders of them."),
    output: Path = typer.Option(
        None, "--output", "-o", help="Also write stats.json and SVG pictures into this folder."
    ),
) -> None:
    """Count labels, lengths, types that go together, and places."""
    from marsad.corpus import corpus_files, read_corpus
    from marsad.stats import count

    counted = count([d for path in corpus_files(paths) for d in read_corpus(path)])
    _show(counted, screen())
    if output is not None:
        _write(counted, output)


def _write(counted: "CorpusStats", output: Path) -> None:
    try:
        from marsad.plots import draw_all
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "matplotlib", "report") from None
    write_json(output / "stats.json", counted.to_record())
    for path in [output / "stats.json", *draw_all(counted, output)]:
        typer.echo(str(path))


def _show(counted: "CorpusStats", console: Console) -> None:
    mentions = sum(counted.entities.values())
    console.print(
        f"{counted.documents} documents, {counted.sentences} sentences "
        f"({counted.without_event} without event), {sum(counted.lengths)} words, "
        f"{mentions} mentions ({counted.behind_proclitic} behind a proclitic), "
        f"{counted.event_labels} event labels "
        f"({counted.realis_share('planned', 'negated'):.0%} planned or negated)"
    )
    table = Table("label", "mentions", "different", title="Entities", title_justify="left")
    for name, number in counted.entities.items():
        table.add_row(name, str(number), str(counted.distinct[name]))
    console.print(table)
    table = Table("type", "sentences", *next(iter(counted.events.values())), title="Events")
    for name, by_realis in counted.events.items():
        table.add_row(name, str(counted.of_type(name)), *map(str, by_realis.values()))
    console.print(table)
    for key in ("country", "genre"):
        counts = ", ".join(f"{k} {n}" for k, n in counted.meta[key].items())
        console.print(f"{key}: {counts}", markup=False)
    often = sorted(counted.together.items(), key=lambda item: -item[1])[:10]
    console.print("together: " + ", ".join(f"{a} + {b} {n}" for (a, b), n in often))
