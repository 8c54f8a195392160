"""``marsad card``: model cards."""

from pathlib import Path

import typer

app = typer.Typer(help="Model cards.", no_args_is_help=True)


@app.command()
def write(model: Path = typer.Argument(help="A model folder that was evaluated.")) -> None:
    """Write the model's README.md from its metrics and configuration."""
    from marsad.card import write_card
    from marsad.model_folder import ModelFolder

    typer.echo(f"{write_card(ModelFolder(model))}: written")


@app.command()
def encoder(
    folder: Path = typer.Argument(help="A folder that `marsad adapt` wrote."),
    before: list[Path] = typer.Option([], help="A model over the base; give as many as there are."),
    after: list[Path] = typer.Option([], help="A model over the encoder, likewise."),
) -> None:
    """Write an encoder's README.md, with what models over it and its base record, if named."""
    from marsad.adaptation.card import write_encoder_card, write_evidence
    from marsad.adaptation.evidence import compare_encoders
    from marsad.adaptation.folder import EncoderFolder
    from marsad.adaptation.settings import load_adaptation

    own = EncoderFolder(folder)
    if before or after:
        config = load_adaptation(own.require("run", "name a folder that `marsad adapt` wrote"))
        evidence = compare_encoders(before, after, base=config.base, encoder=folder)
        write_evidence(own, evidence)
    typer.echo(f"{write_encoder_card(own)}: written")
