"""``marsad evaluate``."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from marsad.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from marsad.benchmarks import Benchmark
    from marsad.metrics import StressResult
    from marsad.model_folder import ModelFolder


def evaluate(
    system: Path = typer.Argument(
        help="A model folder, or a file of predictions: ours (JSON Lines), CoNLL columns, or the "
        "JSON of a Hugging Face pipeline, GLiNER or spaCy."
    ),
    data: str = typer.Argument(
        help="Annotated documents, JSON Lines, or public:anercorp, public:wojood, public:assault, "
        "public:assault+abduction, public:protest."
    ),
    file: str = typer.Option(
        None, help="Which model file to run: onnx_int8, onnx or weights. Default: the first."
    ),
    form: str = typer.Option(
        None, "--format", help="Format of predictions: jsonl, conll, hf, gliner or spacy."
    ),
    label: list[str] = typer.Option(
        [], "--label", help="NAME=OURS: what a label of the predictions counts as; may be repeated."
    ),
    source: Path = typer.Option(None, help="Folder of the public corpora, or MARSAD_CORPORA."),
    report: Path = typer.Option(None, help="Write a page with tables, plots and errors here."),
    stress: bool = typer.Option(False, "--stress", help="Also score the same sentences rewritten."),
) -> None:
    """Score a system on annotated documents; a model's figures go into its metrics.json."""
    from marsad.benchmarks import open_benchmark
    from marsad.cli.progress import show_progress
    from marsad.cli.score_tables import show_scores, show_trust
    from marsad.evaluation import evaluate as score_answers
    from marsad.evaluation import record
    from marsad.model_folder import ModelFolder
    from marsad.systems import ask_system

    _check_options(system, data, report, stress)
    benchmark = open_benchmark(data, source=source)
    labels = _pairs(label)
    benchmark.ruler.check_targets(labels)
    answers = ask_system(
        system,
        benchmark.documents,
        file=file,
        form=form,
        labels=labels,
        watch=show_progress,
    )
    evaluation = score_answers(answers, benchmark)
    for defect, number in benchmark.defects.items():
        typer.echo(f"{data}: {number} {defect}")
    show_scores(evaluation.scores, title=f"{system} on {data}")
    show_trust(evaluation.trust)
    if system.is_dir():
        record(ModelFolder(system), benchmark.name, evaluation)
    stressed = _stress(ModelFolder(system), benchmark, file) if stress else None
    if report:
        from marsad.report import write_report

        write_report(
            report,
            title=str(system),
            answers=answers,
            benchmark=benchmark,
            evaluation=evaluation,
            stress=stressed,
        )
        typer.echo(f"{report}: written")


def _check_options(system: Path, data: str, report: Path | None, stress: bool) -> None:
    if stress and not system.is_dir():
        raise ConfigError(f"{system}: --stress needs a model to read new texts; name a folder")
    if stress and data.startswith("public:"):
        raise ConfigError(f"{data}: --stress rewrites texts under our own labels; name a file")
    if report and report.suffix != ".html":
        raise ConfigError(f"{report}: a report is a page; name a .html file")


def _stress(
    folder: "ModelFolder", benchmark: "Benchmark", file: str | None
) -> "Mapping[str, StressResult]":
    from marsad.cli.progress import show_progress
    from marsad.cli.score_tables import show_stress
    from marsad.metrics import read_metrics, write_metrics
    from marsad.robustness import stress_model
    from marsad.runtime import load

    results = stress_model(load(folder.path, file=file), benchmark.documents, watch=show_progress)
    metrics = read_metrics(folder)
    write_metrics(replace(metrics, stress={**metrics.stress, benchmark.name: results}), folder)
    show_stress(results)
    return results


def _pairs(labels: list[str]) -> dict[str, str]:
    pairs = dict(label.partition("=")[::2] for label in labels)
    for name, target in pairs.items():
        if not name or not target:
            raise ConfigError(f"--label {name}: give NAME=OURS, or NAME=O for nothing")
    return pairs
