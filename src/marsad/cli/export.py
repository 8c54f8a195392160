"""``marsad export``."""

from pathlib import Path

import typer


def export(
    model: Path = typer.Argument(help="A model folder that `marsad train` wrote."),
    int8: bool = typer.Option(
        None, "--int8/--no-int8", help="Also write int8; by default as run.yaml says."
    ),
) -> None:
    """Write ONNX files and let them through only when they do what the checkpoint does."""
    from marsad.model_folder import ModelFolder

    folder = ModelFolder(model)
    folder.require("weights", "name a folder that `marsad train` wrote")
    from marsad.cli.progress import show_progress
    from marsad.export import export as export_model

    report = export_model(folder, int8=int8, watch=show_progress)
    typer.echo(
        f"{folder['onnx']}: {report.onnx_bytes / 1e6:.1f} MB, logits differ from the checkpoint "
        f"by at most {report.max_difference:.1g}; dev score {report.checkpoint_score:.4f}"
    )
    if report.int8_bytes is not None:
        typer.echo(
            f"{folder['onnx_int8']}: {report.int8_bytes / 1e6:.1f} MB, "
            f"dev score {report.int8_score:.4f}, {report.int8_kept} products in fp32"
        )
