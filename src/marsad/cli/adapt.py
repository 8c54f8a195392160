"""``marsad adapt``."""

from pathlib import Path

import typer


def adapt(
    config: Path = typer.Argument(help="An adaptation, e.g. configs/adapt-encoder.yaml."),
    overrides: list[str] = typer.Argument(None, help="key.sub=value, as many as you like."),
    restart: bool = typer.Option(
        False, "--restart", help="Forget what an unfinished one left, instead of going on."
    ),
) -> None:
    """Make an encoder of another one: a vocabulary for Arabic, more Arabic to learn from.

    What was killed goes on when the same command is given again.
    """
    from marsad.adaptation.settings import load_adaptation
    from marsad.adaptation.story import make_encoder

    adaptation = load_adaptation(config, overrides=tuple(overrides or ()))
    folder = make_encoder(adaptation, restart=restart)
    typer.echo(f"{folder.path}: made; next: marsad train CONFIG encoder={folder.path}")
