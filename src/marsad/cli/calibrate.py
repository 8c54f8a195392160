"""``marsad calibrate``."""

from pathlib import Path

import typer


def calibrate(
    model: Path = typer.Argument(help="A model folder that `marsad train` wrote."),
    data: Path = typer.Argument(
        None, help="Annotated documents that it was not trained on; by default the run's dev split."
    ),
    file: str = typer.Option(
        None,
        help="Which model file to run: onnx_int8, onnx, weights, onnx_fp16. Default: the first.",
    ),
    max_risk: float = typer.Option(
        None, help="Withhold what is so uncertain that more than this share of the rest were wrong."
    ),
) -> None:
    """Fit the model's probabilities and thresholds to documents, your own for example."""
    from marsad.calibrating import calibrate as calibrate_model
    from marsad.cli.progress import show_progress
    from marsad.model_folder import ModelFolder

    folder = ModelFolder(model)
    fitted = calibrate_model(folder, data, file=file, most_risk=max_risk, watch=show_progress)
    levels = fitted.abstain
    silence = f"entities below {levels.entities:.3f} and events below {levels.events:.3f} withheld"
    typer.echo(
        f"{folder['calibration']}: fitted on {fitted.fitted_on}; "
        f"{silence if max_risk else 'nothing withheld'}; evaluate the model anew, "
        "for its figures were of the old one"
    )
