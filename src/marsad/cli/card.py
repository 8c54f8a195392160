"""``marsad card``: model cards."""

from pathlib import Path

import typer

app = typer.Typer(help="Model cards.", no_args_is_help=True)


@app.command()
def write(
    model: Path = typer.Argument(help="A model folder that was evaluated."),
    on_hub: list[str] = typer.Option(
        [],
        "--on-hub",
        help="DATA=USER/NAME: which benchmark of the hub evaluated data are; results on it go into "
        ".eval_results, in place of earlier ones. May be repeated.",
    ),
) -> None:
    """Write the model's README.md from its metrics and configuration."""
    from marsad.card_writing import write_card
    from marsad.cli.pairs import read_pairs
    from marsad.hub_results import results_on, write_results
    from marsad.metrics import read_metrics
    from marsad.model_folder import ModelFolder

    folder = ModelFolder(model)
    folder.require("config", "name a folder that `marsad train` wrote")
    results = results_on(read_metrics(folder), read_pairs(on_hub, "--on-hub", "DATA=USER/NAME"))
    typer.echo(f"{write_card(folder)}: written")
    if path := write_results(folder, results):
        typer.echo(f"{path}: written")


@app.command()
def show(
    model: Path = typer.Argument(help="A model folder with a card."),
    table: bool = typer.Option(
        False, "--table", help="Print its main figures as a Markdown table instead."
    ),
) -> None:
    """Print a card as JSON for other tools; docs/card.schema.json describes it."""
    from marsad.card import load
    from marsad.card_tables import summary

    card = load(model)
    typer.echo(summary(card.metrics.evaluations) if table else card.to_json())


@app.command()
def verify(
    model: Path = typer.Argument(help="A model folder with a card."),
    sample: int = typer.Option(
        None, min=1, help="Read so many documents of each benchmark again, and not all."
    ),
    seed: int = typer.Option(13, help="Of the sample."),
    source: Path = typer.Option(
        None, "--source", help="The public corpora's folder; by default MARSAD_CORPORA."
    ),
    tolerance: float = typer.Option(
        0.0,
        min=0,
        max=1,
        help="How far a figure, or of a sample the share of answers, may be off: other processors "
        "round otherwise.",
    ),
    public_key: Path = typer.Option(
        None, "--public-key", help="Also check the signature, by this PEM file of its owner."
    ),
) -> None:
    """Compute every figure of a card again, and compare files, labels, record and card."""
    from marsad.cli.progress import show_progress
    from marsad.errors import ModelError
    from marsad.model_folder import ModelFolder
    from marsad.verification import verify as check

    wrong = compared = left = 0
    for own in check(
        ModelFolder(model),
        sample=sample,
        seed=seed,
        source=source,
        tolerance=tolerance,
        public_key=public_key,
        watch=show_progress,
    ):
        verdict = "skipped" if own.skipped else "WRONG" if own.problem else "as stated"
        typer.echo(f"{verdict:10}{own.about}{': ' if own.problem else ''}{own.problem}")
        wrong += bool(own.problem) and not own.skipped
        compared += own.again and not own.skipped
        left += own.again and own.skipped
    if not (wrong or compared):
        raise ModelError(f"{model}: no figure could be computed again; run it where the data are")
    if wrong:
        raise ModelError(f"{model}: {wrong} of the card's claims do not hold")
    typer.echo(f"{compared} evaluations were computed again; {left} were not, for want of the data")


@app.command()
def release(
    model: Path = typer.Argument(help="A model folder with figures."),
    target: Path = typer.Argument(help="A new folder."),
    file: str = typer.Option(
        None,
        help="Which model file to keep: onnx_int8, onnx, weights, onnx_fp16. Default: the first.",
    ),
) -> None:
    """Write a folder to be passed on: one file of weights, the record, and a card of these."""
    from marsad.model_folder import ModelFolder
    from marsad.release import release as release_model

    made = release_model(ModelFolder(model), target, file=file)
    for path in made.present():
        typer.echo(f"{path.stat().st_size / 1e6:8.2f} MB  {path}")


@app.command()
def sign(
    model: Path = typer.Argument(help="A model folder with a card."),
    key: Path = typer.Option(help="PEM file of your private key, on P-256, P-384 or P-521."),
) -> None:
    """Sign the files of a model folder; the last thing to do before it is passed on.

    A card that is not of the figures in the folder is refused.
    """
    from marsad.card_checking import check_card
    from marsad.model_folder import ModelFolder
    from marsad.signing import sign as sign_folder

    check_card(folder := ModelFolder(model))
    typer.echo(f"{sign_folder(folder, key)}: written")


@app.command()
def push(
    model: Path = typer.Argument(help="A model folder with a card."),
    repository: str = typer.Argument(help="USER/NAME on the hub."),
    upload: bool = typer.Option(
        False, "--upload", help="Do it; otherwise only say what would be uploaded."
    ),
    private: bool = typer.Option(False, "--private", help="A repository that is made is private."),
) -> None:
    """Upload a model folder to the hub, under the token of HF_TOKEN; by default only say what.

    A card that is not of the figures in the folder is refused.
    """
    from marsad.card_checking import check_card
    from marsad.model_folder import ModelFolder
    from marsad.publishing import plan_upload
    from marsad.publishing import push as send

    check_card(folder := ModelFolder(model))
    planned = plan_upload(folder, repository)
    for path in planned.files:
        typer.echo(f"{path.stat().st_size / 1e6:8.2f} MB  {path.relative_to(model).as_posix()}")
    if upload:
        typer.echo(f"{send(folder, planned, private=private)}: uploaded")
    else:
        typer.echo(
            f"{planned.size / 1e6:8.2f} MB would go to {repository}; nothing was sent. "
            "Give --upload to send it."
        )


@app.command()
def index(folder: Path = typer.Argument(help="A folder of models, such as models.")) -> None:
    """Write the README.md of a folder of models from their cards."""
    from marsad.card_index import write_index

    typer.echo(f"{write_index(folder)}: written")


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
