"""``marsad card``: model cards."""

from pathlib import Path

import typer

app = typer.Typer(help="Model cards.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep ``write`` a subcommand although it is the only one."""


@app.command()
def write(model: Path = typer.Argument(help="A model folder that was evaluated.")) -> None:
    """Write the model's README.md from its metrics and configuration."""
    from marsad.card import write_card
    from marsad.model_folder import ModelFolder

    typer.echo(f"{write_card(ModelFolder(model))}: written")
