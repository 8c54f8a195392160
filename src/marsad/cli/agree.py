"""``marsad data agree``."""

from pathlib import Path

import typer


def agree(
    first: Path = typer.Argument(help="Annotated documents, a file or a folder."),
    second: Path = typer.Argument(help="A second annotation of (some of) the same documents."),
) -> None:
    """Print how far two annotations agree: strict spans, event types, realis."""
    from marsad.agreement import agree as compare
    from marsad.cli.score_tables import show_scores
    from marsad.corpus import corpus_files, read_corpus

    one, two = (
        [document for path in corpus_files([side]) for document in read_corpus(path)]
        for side in (first, second)
    )
    agreement = compare(one, two)
    show_scores(agreement.scores, title=f"{second} against {first}")
    typer.echo(
        f"realis: Cohen's kappa {agreement.realis_kappa:.3f} over {agreement.realis_support} types "
        f"that both found; {agreement.scores.documents} documents compared, "
        f"{agreement.left_out} on one side only"
    )
