"""``marsad seeds``."""

from pathlib import Path

import typer


def seeds(
    data: str = typer.Argument(help="Annotated documents, JSON Lines, or a public: corpus."),
    models: list[Path] = typer.Argument(
        help="Model folders of one configuration trained with different seeds, or the one folder "
        "that train.seeds made."
    ),
    source: Path = typer.Option(None, help="Folder of the public corpora, or MARSAD_CORPORA."),
) -> None:
    """Print mean and deviation over seeds, and record them in the first model's metrics.json."""
    from marsad.benchmarks import open_benchmark
    from marsad.cli.progress import show_progress
    from marsad.model_folder import ModelFolder
    from marsad.seeds import spread_over_seeds

    benchmark = open_benchmark(data, source=source)
    folders = [ModelFolder(path) for path in models]
    report = spread_over_seeds(folders, benchmark, watch=show_progress)
    typer.echo(f"{report.data}, seeds {', '.join(map(str, report.seeds))}:")
    for name, spread in report.figures.items():
        typer.echo(f"  {name} {spread.mean:.3f} ± {spread.sd:.3f}")
