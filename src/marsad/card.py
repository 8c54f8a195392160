"""Model cards, computed from the run record alone: no figure in a card is typed."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment, StrictUndefined

from marsad.benchmarks import HOLD_TRAINING, PREFIX
from marsad.calibration import Calibration, read_calibration
from marsad.config import RunConfig, load_config
from marsad.errors import ModelError
from marsad.fairness import fairness_gaps
from marsad.files import atomic_write
from marsad.metrics import Change, Evaluation, Metrics, read_metrics
from marsad.model_folder import ModelFolder, ModelSettings, read_settings
from marsad.runtime import PREFERENCE
from marsad.scoring import Score
from marsad.scoring.uncertainty import Interval

_TEMPLATE = Path(__file__).with_name("card.md.jinja")
_ENTITIES = (
    "Finds named entities (12 labels); every mention is an exact slice of the caller's text."
)
_EVENTS = (
    "Gives each sentence the set of event types that it reports (of 23), each with a realis "
    "(actual, planned or negated)."
)
_TASKS = {"joint": f"{_ENTITIES}\n{_EVENTS}", "ner": _ENTITIES, "events": _EVENTS}
_HUB_TASKS = {
    "entities": ("token-classification", "strict span"),
    "events": ("text-classification", "event type"),
}
_OWN_CORPUS = "data/corpus/"
_OWN_CORPUS_NOTE = (
    "Texts and annotation of the training corpus were written by a language model, not by people, "
    "and the events in them are invented; the corpus's dataset card says how.\n"
)


def write_card(folder: ModelFolder) -> Path:
    """Write ``README.md`` from ``metrics.json``, ``run.yaml`` and ``config.json``.

    Raises:
        ModelError: the model was never evaluated, or a file of the record is missing.
    """
    settings = read_settings(folder)
    run_file = folder.require("run", "write cards for folders that `marsad train` wrote")
    run = load_config(run_file)
    metrics = read_metrics(folder)
    if not metrics.evaluations:
        raise ModelError(
            f"{folder.path}: not evaluated yet; run: marsad evaluate {folder.path} DATA"
        )
    text = f"---\n{card_data(settings, run, metrics).to_yaml()}\n---\n\n"
    text += render(folder, settings, run, metrics, _calibration(folder))
    with atomic_write(folder["card"]) as out:
        out.write(text)
    folder.write_checksums()
    return folder["card"]


def render(
    folder: ModelFolder,
    settings: ModelSettings,
    run: RunConfig,
    metrics: Metrics,
    calibration: Calibration,
) -> str:
    """Fill the template; an unknown name in it is an error."""
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    environment.globals |= {"pct": _percent, "span": _span, "table": _table}
    environment.globals |= {"change": _change, "flips": _flips, "gaps": fairness_gaps}
    own = any(part.corpus.startswith(_OWN_CORPUS) for part in run.data.parts)
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        settings=settings,
        run=run,
        metrics=metrics,
        calibration=calibration,
        tasks=_TASKS[settings.task],
        flags=_flags(run, calibration, metrics.evaluations),
        data_note=_OWN_CORPUS_NOTE if own else "",
        folder=folder.path,
    )


def _calibration(folder: ModelFolder) -> Calibration:
    """Return the calibration of the file that is read by default."""
    return read_calibration(folder, next(role for role in PREFERENCE if folder[role].exists()))


def card_data(settings: ModelSettings, run: RunConfig, metrics: Metrics) -> ModelCardData:
    """Return the Hugging Face metadata with a ``model-index`` of the evaluations."""
    results = [
        EvalResult(
            task_type=task,
            dataset_type=Path(name.removeprefix("public:")).stem,
            dataset_name=evaluation.data,
            metric_type="f1",
            metric_name=f"{metric} micro F1",
            metric_value=round(table.micro.f1, 4),
        )
        for name, evaluation in metrics.evaluations.items()
        for part, table in evaluation.scores.tables.items()
        for task, metric in (_HUB_TASKS[part],)
    ]
    hub_encoder = ":" not in run.encoder and "/" in run.encoder
    return ModelCardData(
        language="ar",
        license="apache-2.0",
        library_name="marsad",
        pipeline_tag="text-classification" if settings.task == "events" else "token-classification",
        tags=["arabic", "named-entity-recognition", "event-detection", "conflict", "news"],
        base_model=run.encoder if hub_encoder else None,
        model_name=settings.name,
        eval_results=results,
    )


def seen_before(run: RunConfig, calibration: Calibration, benchmarks: Iterable[str]) -> list[str]:
    """Return which benchmarks hold texts that training, selection or calibration saw."""
    learnt = [part.corpus for part in run.data.parts]
    known = [*learnt, run.data.dev, calibration.fitted_on or ""]
    files = {Path(data).resolve() for data in known if not data.startswith(PREFIX)}
    public = {run.data.dev, *(name for corpus in learnt for name in HOLD_TRAINING.get(corpus, ()))}
    return sorted(n for n in benchmarks if n in public or Path(n).resolve() in files)


def _flags(run: RunConfig, calibration: Calibration, evaluations: Mapping[str, Evaluation]) -> str:
    """Say in one sentence what a hasty reader must not miss."""
    seen = seen_before(run, calibration, evaluations)
    if seen:
        return f"Figures on {', '.join(seen)} are on data that training or selection saw."
    return ""


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _span(interval: Interval | None) -> str:
    return f" ({_percent(interval.low)} to {_percent(interval.high)})" if interval else ""


def _change(change: Change | None) -> str:
    if change is None:
        return "–"
    return f"{_percent(change.before)} → {_percent(change.after)} ({change.support})"


def _flips(change: Change | None) -> str:
    return f"{_percent(change.flips)} %" if change else "–"


def _table(rows: Mapping[str, Score], micro: Score | None, head: str) -> str:
    lines = [
        f"| {head} | precision | recall | F1 | support | predicted |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, score in [*rows.items(), *([("**micro**", micro)] if micro else [])]:
        counted = score.support or score.predicted
        values = (score.precision, score.recall, score.f1)
        figures = " | ".join(_percent(value) if counted else "–" for value in values)
        lines.append(f"| {name} | {figures} | {score.support} | {score.predicted} |")
    return "\n".join(lines)
