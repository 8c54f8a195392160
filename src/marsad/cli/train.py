"""``marsad train``."""

from pathlib import Path

import typer


def train(
    config: Path = typer.Argument(help="A run configuration, e.g. configs/joint.yaml."),
    overrides: list[str] = typer.Argument(None, help="key.sub=value, as many as you like."),
) -> None:
    """Train the model of a configuration and write its folder."""
    from marsad.config import load_config

    run = load_config(config, overrides=tuple(overrides or ()))
    from marsad.training import train as train_model

    folder = train_model(run)
    typer.echo(f"{folder.path}: trained; next: marsad export {folder.path}")
