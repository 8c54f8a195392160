"""``marsad data card``."""

from pathlib import Path

import typer

from marsad.errors import MissingExtraError


def card(
    folder: Path = typer.Argument(help="The data folder, with README.md and corpus/ in it."),
) -> None:
    """Write croissant.json of the Marsad corpus, and the counts into its dataset card."""
    try:
        from marsad.datacard import write_datacard
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "mlcroissant", "report") from None
    for path in write_datacard(folder):
        typer.echo(f"{path}: written")
