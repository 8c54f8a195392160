"""``marsad data``: look after corpus files."""

from pathlib import Path

import typer

from marsad.cli.agree import agree
from marsad.cli.convert import convert
from marsad.cli.datacard import card
from marsad.cli.doubts import doubts
from marsad.cli.select import select
from marsad.cli.stats import stats
from marsad.errors import DataError

app = typer.Typer(help="Look after corpus files.", no_args_is_help=True)
app.command()(agree)
app.command()(convert)
app.command()(stats)
app.command()(card)
app.command()(doubts)
app.command()(select)


@app.command()
def check(
    paths: list[Path] = typer.Argument(help="Corpus files, or folders of them."),
) -> None:
    """Check offsets, labels, nesting, coverage and duplicates; name file and line of each."""
    from marsad.corpus import check_files, corpus_files, read_placed

    problems = check_files(paths)
    for problem in problems:
        typer.echo(str(problem))
    errors = sum(problem.level == "error" for problem in problems)
    files = corpus_files(paths)
    documents = [placed.document for path in files for placed in read_placed(path)]
    sentences = sum(len(document.sentences) for document in documents)
    entities = sum(len(document.entities) for document in documents)
    typer.echo(
        f"{len(files)} files, {len(documents)} documents, {sentences} sentences, "
        f"{entities} entities: {errors} errors, {len(problems) - errors} warnings"
    )
    if errors:
        raise DataError(f"{errors} errors in the corpus; mend the lines named above")


@app.command()
def split(
    paths: list[Path] = typer.Argument(help="Corpus files, or folders of them."),
    output: Path = typer.Option(..., "--output", "-o", help="Folder of the split files."),
    hold_out: list[str] = typer.Option(
        [], help="A country whose documents go to test_place.jsonl; may be repeated."
    ),
) -> None:
    """Split documents into train, dev and test (70/10/20); a document's split never changes."""
    from marsad.corpus import corpus_files, read_corpus
    from marsad.splits import write_splits

    documents = [document for path in corpus_files(paths) for document in read_corpus(path)]
    for name, count in sorted(write_splits(documents, output, held_out=hold_out).items()):
        typer.echo(f"{output / name}.jsonl: {count} documents")
