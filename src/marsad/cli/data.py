"""``marsad data``: look after corpus files."""

from pathlib import Path

import typer

from marsad.errors import DataError

app = typer.Typer(help="Look after corpus files.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep ``check`` a subcommand although it is the only one."""


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
