"""``marsad evaluate``."""

from dataclasses import replace
from pathlib import Path

import typer

from marsad.errors import ConfigError


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
) -> None:
    """Score a system on annotated documents; a model's figures go into its metrics.json."""
    from marsad.benchmarks import open_benchmark
    from marsad.cli.progress import show_progress
    from marsad.cli.score_tables import show_scores, show_trust
    from marsad.evaluation import evaluate as score_answers
    from marsad.evaluation import record
    from marsad.model_folder import ModelFolder
    from marsad.systems import ask_system

    benchmark = open_benchmark(data, source=source)
    benchmark = replace(benchmark, ruler=benchmark.ruler.relabelled(_pairs(label)))
    answers = ask_system(system, benchmark.documents, file=file, form=form, watch=show_progress)
    evaluation = score_answers(answers, benchmark)
    for defect, number in benchmark.defects.items():
        typer.echo(f"{data}: {number} {defect}")
    show_scores(evaluation.scores, title=f"{system} on {data}")
    show_trust(evaluation.trust)
    if system.is_dir():
        record(ModelFolder(system), benchmark.name, evaluation)


def _pairs(labels: list[str]) -> dict[str, str]:
    pairs = dict(label.partition("=")[::2] for label in labels)
    for name, target in pairs.items():
        if not name or not target:
            raise ConfigError(f"--label {name}: give NAME=OURS, or NAME=O for nothing")
    return pairs
