"""``marsad export``."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from marsad.metrics import FileReport


def export(
    model: Path = typer.Argument(help="A model folder that `marsad train` wrote."),
    int8: bool = typer.Option(
        None, "--int8/--no-int8", help="Also write int8; by default as run.yaml says."
    ),
    fp16: bool = typer.Option(
        None, "--fp16/--no-fp16", help="Also write fp16, for GPUs; by default as run.yaml says."
    ),
    opset: int = typer.Option(
        None,
        help="Of ONNX, 23 or 20; other providers than CPUs need 20. By default as run.yaml says.",
    ),
    split: Path = typer.Option(
        None,
        "--split",
        help="Write no ONNX, but a joint model's tasks as plain folders of "
        "transformers into this new folder.",
    ),
) -> None:
    """Write ONNX files and let them through only when they do what the checkpoint does."""
    from marsad.model_folder import ModelFolder

    folder = ModelFolder(model)
    folder.require("weights", "name a folder that `marsad train` wrote")
    if split:
        from marsad.split import HALVES
        from marsad.split import split as split_model

        made = split_model(folder, split)
        for half in made:
            typer.echo(f"{half.path}: loads with transformers' pipeline, and with marsad.load")
        if len(made) < len(HALVES):
            typer.echo(
                "events: left out, their head weighs all tokens of a sentence, for which "
                "transformers has no class; train with model.pooling=first to have them"
            )
        return
    from marsad.cli.progress import show_progress
    from marsad.export import export as export_model

    report = export_model(folder, int8=int8, fp16=fp16, opset=opset, watch=show_progress)
    files = {
        "weights": report.checkpoint,
        "onnx": report.onnx,
        "onnx_int8": report.int8,
        "onnx_fp16": report.fp16,
    }
    for role, file in files.items():
        if file is not None:
            typer.echo(f"{folder[role]}: {_line(file)}")
    typer.echo(f"fp32: logits differ from the checkpoint by at most {report.max_difference:.1g}")
    if report.int8_kept:
        typer.echo(f"int8: {report.int8_kept} matrix products stay in fp32")


def _line(file: "FileReport") -> str:
    figures = {"entities strict micro F1": file.entities, "events macro F1": file.events}
    on_dev = [f"{name} {value:.4f}" for name, value in figures.items() if value is not None]
    return (
        f"{file.size / 1e6:.1f} MB; on dev {', '.join(on_dev)}, {file.flips:.1%} of answers "
        f"changed, {file.words_per_second:,.0f} words a second"
    )
