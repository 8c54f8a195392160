"""``marsad evaluate``."""

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from marsad.errors import ConfigError, MarsadError

if TYPE_CHECKING:
    from marsad.benchmarks import Benchmark
    from marsad.calibration import Calibration
    from marsad.metrics import StressReport
    from marsad.model_folder import ModelFolder
    from marsad.scoring import Ruler


def evaluate(
    system: Path = typer.Argument(
        help="A model folder, or a file of predictions: ours (JSON Lines), CoNLL columns, or the "
        "JSON of a Hugging Face pipeline, GLiNER or spaCy."
    ),
    data: str = typer.Argument(
        help="Annotated documents, JSON Lines, or a public benchmark, such as public:anercorp; "
        "docs/scoring.md lists them."
    ),
    file: str = typer.Option(
        None,
        help="Which model file to run: onnx_int8, onnx, weights, onnx_fp16. Default: the first.",
    ),
    form: str = typer.Option(
        None, "--format", help="Format of predictions: jsonl, conll, hf, gliner or spacy."
    ),
    label: list[str] = typer.Option(
        [], "--label", help="NAME=SCORED: what a label of predictions counts as; may be repeated."
    ),
    source: Path = typer.Option(None, help="Folder of the public corpora, or MARSAD_CORPORA."),
    report: Path = typer.Option(None, help="Write a page with tables, plots and errors here."),
    stress: bool = typer.Option(False, "--stress", help="Also score the same sentences rewritten."),
    examples: bool = typer.Option(
        False,
        "--examples",
        help="Also quote the data, right and wrong answers, in metrics.json and card.",
    ),
) -> None:
    """Score a system on annotated documents; a model's figures go into its metrics.json."""
    from marsad.benchmarks import open_benchmark
    from marsad.cli.progress import show_progress
    from marsad.cli.score_tables import show_scores, show_trust
    from marsad.evaluation import evaluate as score_answers
    from marsad.evaluation import record
    from marsad.model_folder import ModelFolder
    from marsad.systems import ask_system

    _check_options(
        system, data, file=file, form=form, label=label, stress=stress, examples=examples
    )
    if report:
        if report.suffix != ".html":
            raise ConfigError(f"{report}: a report is a page; name a .html file")
        from marsad.report import write_report
    benchmark = open_benchmark(data, source=source)
    answers = ask_system(
        system,
        benchmark.documents,
        file=file,
        form=form,
        labels=read_labels(label, benchmark.ruler),
        ruler=benchmark.ruler,
        watch=show_progress,
    )
    evaluation = score_answers(answers, benchmark, examples=examples)
    for defect, number in benchmark.defects.items():
        typer.echo(f"{data}: {number} {defect}")
    show_scores(evaluation.scores, title=f"{system} on {data}")
    show_trust(evaluation.trust)
    if system.is_dir():
        record(ModelFolder(system), evaluation)
        _warn(ModelFolder(system), data, answers.calibration)
    stressed = _stress(ModelFolder(system), benchmark, file) if stress else None
    if report:
        write_report(
            report,
            title=str(system),
            answers=answers,
            benchmark=benchmark,
            evaluation=evaluation,
            stress=stressed.results if stressed else None,
        )
        typer.echo(f"{report}: written")


def _check_options(
    system: Path,
    data: str,
    *,
    file: str | None,
    form: str | None,
    label: list[str],
    stress: bool,
    examples: bool,
) -> None:
    """Refuse options that would do nothing."""
    from marsad.sections import PREFIX

    if system.is_dir() and (form or label):
        raise ConfigError(f"{system}: --format and --label are for files of predictions")
    if system.is_file() and file:
        raise ConfigError(f"{system}: --file names a file of a model folder, and this is none")
    if stress and not system.is_dir():
        raise ConfigError(f"{system}: --stress needs a model to read new texts; name a folder")
    if examples and not system.is_dir():
        raise ConfigError(f"{system}: --examples go into a model's record; name a folder")
    if examples and data.startswith(PREFIX):
        raise ConfigError(f"{data}: --examples would copy the corpus into the card; name a file")
    if stress and data.startswith(PREFIX):
        raise ConfigError(f"{data}: --stress rewrites texts under our own labels; name a file")


def _warn(folder: "ModelFolder", data: str, calibration: "Calibration | None") -> None:
    """Tell of figures that are kinder than the model's, and of answers that it withheld."""
    from marsad.card_writing import SEEN, seen_before
    from marsad.config import load_config

    with contextlib.suppress(MarsadError):  # what it learnt from has changed, or its keys have
        fitted = [calibration] if calibration else []
        if folder["run"].exists() and seen_before(load_config(folder["run"]), fitted, [data]):
            typer.echo(f"marsad: {data}: these figures {SEEN}", err=True)
    if calibration and (calibration.abstain.entities or calibration.abstain.events):
        levels = calibration.abstain
        typer.echo(
            f"withheld: entities below {levels.entities:.3f}, events below {levels.events:.3f}; "
            "what is withheld counts as missed"
        )


def _stress(folder: "ModelFolder", benchmark: "Benchmark", file: str | None) -> "StressReport":
    from marsad.cli.progress import show_progress
    from marsad.cli.score_tables import show_stress
    from marsad.metrics import read_metrics, write_metrics
    from marsad.robustness import report_stress
    from marsad.runtime import load

    report = report_stress(load(folder.path, file=file), benchmark, watch=show_progress)
    metrics = read_metrics(folder)
    write_metrics(replace(metrics, stress={**metrics.stress, benchmark.data: report}), folder)
    show_stress(report.results)
    return report


def read_labels(labels: list[str], ruler: "Ruler") -> dict[str, str]:
    """Read ``NAME=SCORED`` options.

    Raises:
        ConfigError: one is malformed or given twice.
        DataError: a name shall count as one that is not scored.
    """
    from marsad.cli.pairs import read_pairs

    pairs = read_pairs(labels, "--label", "NAME=SCORED, or NAME=O for nothing")
    ruler.check_targets(pairs)
    return pairs
