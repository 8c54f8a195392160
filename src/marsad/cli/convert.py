"""``marsad data convert``."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import typer

from marsad.corpus import with_sentences
from marsad.document import Document
from marsad.errors import ConfigError
from marsad.files import atomic_write
from marsad.labels import scheme

_NAMES = "jsonl, conll, brat, labelstudio, doccano or prodigy."


def convert(
    source: Path = typer.Argument(help="What to read: a file, or the folder of brat."),
    target: Path = typer.Argument(help="What to write: a file, or a new folder for brat."),
    from_: str = typer.Option(
        None, "--from", help=f"Format of SOURCE: {_NAMES} Default: what .jsonl or .conll says."
    ),
    to: str = typer.Option(None, "--to", help="Format of TARGET, named the same way."),
    repair: bool = typer.Option(
        False, "--repair", help="Read a stray I- tag of conll as B-, and say how many there were."
    ),
    interface: Path = typer.Option(
        None, help="Write Label Studio's labelling interface of our labels to this .xml file too."
    ),
) -> None:
    """Convert documents between our JSON Lines and the formats of annotation tools.

    A document that has no sentences is split into some.
    """
    from marsad.formats import choose_format, mending
    from marsad.formats.labelstudio import labelstudio_config

    reading = choose_format(from_, source, "--from")
    writing = choose_format(to, target, "--to")
    if interface and writing.name != "labelstudio":
        raise ConfigError("--interface goes with --to labelstudio; leave it out")
    if interface and interface.resolve() == target.resolve():
        raise ConfigError(f"--interface {interface}: is where the tasks go; name another file")
    mended: list[str] = []
    if repair:
        reading = mending(reading, mended)
    tally = _Tally()
    writing.write(tally.watch(reading.read(source)), target)
    if interface:
        with atomic_write(interface) as out:
            out.write(labelstudio_config())
    typer.echo(f"{target}: {tally.documents} documents")
    _report(tally, mended)


@dataclass
class _Tally:
    """What passed by: documents, those that had no sentences, and mentions of unknown labels."""

    documents: int = 0
    split: int = 0
    foreign: Counter[str] = field(default_factory=Counter)

    def watch(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Pass documents on, with sentences, and count them."""
        for document in documents:
            self.documents += 1
            if not document.sentences and document.text.strip():
                document = with_sentences(document)
                self.split += 1
            labels = (entity.label for entity in document.entities)
            self.foreign.update(name for name in labels if name not in scheme().entity_names)
            yield document


def _report(tally: _Tally, mended: list[str]) -> None:
    if tally.split:
        typer.echo(
            f"marsad: {tally.split} documents had no sentences and were split into some, without "
            "events; where nobody annotated events, learn from it by data.mixture with "
            "`annotates: entities`",
            err=True,
        )
    if mended:
        typer.echo(
            f"marsad: {len(mended)} stray I- tags became B-, the first at {mended[0]}", err=True
        )
    if tally.foreign:
        typer.echo(
            f"marsad: {tally.foreign.total()} mentions have labels that labels.yaml lacks "
            f"({', '.join(sorted(tally.foreign))}); rename them before training",
            err=True,
        )
