"""``marsad data select``."""

from pathlib import Path

import typer


def select(
    pool: list[Path] = typer.Argument(
        help="What has not been annotated: .jsonl or .parquet files, text files, folders of such."
    ),
    model: Path = typer.Option(..., "--model", "-m", help="A model folder."),
    count: int = typer.Option(50, "--count", "-n", min=1, help="How many documents."),
    output: Path = typer.Option(
        ..., "--output", "-o", help="Write them here, as the model reads them, JSON Lines."
    ),
    by_chance: bool = typer.Option(
        False, "--random", help="Draw them at random instead: a control."
    ),
    seed: int = typer.Option(
        13, "--seed", min=0, max=2**32 - 1, help="Of the draw, or of the grouping."
    ),
    known: list[Path] = typer.Option(
        [], "--known", help="Corpus files whose documents, by their ids, are left out."
    ),
) -> None:
    """Choose what to annotate next: what the model is least sure of, texts unlike each other.

    `marsad data convert` takes the documents to Label Studio, doccano or Prodigy, and back.
    """
    from marsad.cli.progress import show_progress
    from marsad.corpus import corpus_files, read_placed
    from marsad.document import Document
    from marsad.errors import DataError
    from marsad.files import atomic_write
    from marsad.input_files import find_files
    from marsad.inputs import read_inputs
    from marsad.outputs import refuse_inputs
    from marsad.runtime import load
    from marsad.selection import doubt, select, select_by_chance

    files, others = find_files(pool, apart=[output]), corpus_files(known)
    refuse_inputs([output], [*(path for path, _ in files), *others])
    seen = {p.document.id for path in others for p in read_placed(path)}
    given = list(read_inputs(files))
    documents = [own for own in given if isinstance(own, Document) and own.id not in seen]
    rejected = [own for own in given if not isinstance(own, Document)]
    if not documents:
        first = f"; first: {rejected[0].where}: {rejected[0].reason}" if rejected else ""
        raise DataError(f"{pool[0]}: no document to choose from{first}")
    reader = load(model)
    with atomic_write(output) as out:
        if by_chance:
            drawn = select_by_chance(documents, count, seed=seed)
            chosen = list(reader.pipe(show_progress(drawn)))
        else:
            judged = reader.judge(show_progress(documents))
            candidates = (doubt(own, reader.calibration) for own in judged)
            chosen = [own.document for own in select(candidates, count, seed=seed)]
        out.writelines(f"{document.to_json()}\n" for document in chosen)
    typer.echo(f"{output}: {len(chosen)} of {len(documents)} documents")
    if rejected:
        worst = rejected[0]
        raise DataError(
            f"{worst.where}: {worst.reason} (of {len(rejected)} that cannot be read; "
            "the others were chosen from)"
        )
