"""Model cards, computed from the record of the run: no figure in a card is typed."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from marsad.benchmarks.overlaps import share_texts
from marsad.benchmarks.provenance import licence_asked, provenance
from marsad.benchmarks.teaching import teach_realis, teaching_of_entities, teaching_of_events
from marsad.calibration import (
    CHECKPOINT,
    Calibration,
    Curve,
    read_calibration,
    read_calibrations,
)
from marsad.card import LIMITS, USES
from marsad.card_tables import (
    FIGURES,
    change,
    examples,
    flips,
    named,
    percent,
    quoted,
    scores,
    size,
    slices,
    span,
    summary,
)
from marsad.choosing import read_choice
from marsad.config import RunConfig, load_config
from marsad.errors import ModelError
from marsad.fairness import fairness_gaps
from marsad.files import atomic_write, sha256
from marsad.labels import scheme
from marsad.metrics import (
    Choice,
    Evaluation,
    Metrics,
    SeedReport,
    StressReport,
    read_metrics,
    write_metrics,
)
from marsad.model_folder import ModelFolder, ModelSettings, read_settings
from marsad.runtime import PREFERENCE
from marsad.sections import PREFIX

SEEN = "are on data that training or selection saw"
_TEMPLATE = "card.md.jinja"
_HUB_TASKS = {"entities": "token-classification", "events": "text-classification"}
_LICENCE = "apache-2.0"


def write_card(folder: ModelFolder) -> Path:
    """Write ``README.md`` from what the folder records and from what the corpora say of themselves.

    How the run was chosen among others is added to the record.

    Raises:
        DataError: a training corpus that is there is no file of documents.
        ModelError: the model was never evaluated, or a file of the record is missing or damaged.
    """
    card_text(folder)  # first, so that what is missing is said before anything is written
    run, metrics = load_config(folder["run"]), read_metrics(folder)
    write_metrics(replace(metrics, choice=read_choice(folder, run, metrics.choice)), folder)
    text = card_text(folder)
    with atomic_write(folder["card"]) as out:
        out.write(text)
    folder.write_checksums()
    return folder["card"]


def card_text(folder: ModelFolder) -> str:
    """Return what :func:`write_card` writes, and raise what it raises."""
    settings = read_settings(folder)
    run_file = folder.require("run", "write cards for folders that `marsad train` wrote")
    run = load_config(run_file)
    metrics = read_metrics(folder)
    if not metrics.evaluations:
        raise ModelError(
            f"{folder.path}: not evaluated yet; run: marsad evaluate {folder.path} DATA"
        )
    text = render(folder, settings, run, metrics, _calibration(folder))
    return f"---\n{card_data(settings, run, metrics).to_yaml()}\n---\n\n{text}"


def render(
    folder: ModelFolder,
    settings: ModelSettings,
    run: RunConfig,
    metrics: Metrics,
    calibration: Calibration,
) -> str:
    """Fill the template; an unknown name in it is an error."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.globals |= {"pct": percent, "span": span, "table": scores, "summary": summary}
    environment.globals |= {"change": change, "flips": flips, "gaps": fairness_gaps}
    environment.globals |= {"slices": slices, "examples": examples, "quoted": quoted}
    environment.globals |= {"size": size, "uses": USES, "limits": LIMITS}
    environment.filters["named"] = named
    environment.filters["quote"] = shlex.quote
    role = _read_by_default(folder)
    return environment.get_template(_TEMPLATE).render(
        settings=settings,
        run=run,
        metrics=metrics,
        calibration=calibration,
        tasks="\n".join(_tasks(run)),
        flags=" ".join(_flags(run, calibration, _read_otherwise(folder, metrics), metrics)),
        chosen=" ".join(_chosen(run, metrics.choice)),
        seeds=", ".join(metrics.choice.seeds),
        provenance={part.corpus: provenance(part.corpus) for part in run.data.parts},
        licence_asked=licence_asked(_corpora(run), run.encoder),
        file=folder.FILES[role] if role else "",
        digest=sha256(folder[role]) if role else "",
        scheme=scheme(),
    )


def _calibration(folder: ModelFolder) -> Calibration:
    """Return the calibration of the file that is read by default."""
    role = _read_by_default(folder)
    if role is None:
        raise ModelError(f"{folder.path}: no weights and no ONNX file; train or export it again")
    return read_calibration(folder, role)


def _read_otherwise(folder: ModelFolder, metrics: Metrics) -> dict[str, Calibration]:
    """Return the calibrations of other files that figures were read with, by the files' names."""
    roles = {name: role for role, name in folder.FILES.items()}
    kinds: tuple[Mapping[str, Evaluation | SeedReport | StressReport], ...] = (
        metrics.evaluations,
        metrics.seeds,
        metrics.stress,
    )
    names = dict.fromkeys(own.read_with for kind in kinds for own in kind.values())
    default = _read_by_default(folder)
    others = {name: roles[name] for name in names if roles.get(name, default) != default}
    if not others:
        return {}
    known = read_calibrations(folder)
    found = {name: known.get(role, known.get(CHECKPOINT)) for name, role in others.items()}
    return {name: own for name, own in found.items() if own}


def _read_by_default(folder: ModelFolder) -> str | None:
    return next((role for role in PREFERENCE if folder[role].exists()), None)


def card_data(settings: ModelSettings, run: RunConfig, metrics: Metrics) -> ModelCardData:
    """Return the Hugging Face metadata with a ``model-index`` of the evaluations."""
    results = [
        EvalResult(
            task_type=_HUB_TASKS[part],
            dataset_type=Path(name.removeprefix(PREFIX)).stem,
            dataset_name=evaluation.data,
            metric_type="f1",
            metric_name=FIGURES[part],
            metric_value=round(table.micro.f1, 4),
        )
        for name, evaluation in metrics.evaluations.items()
        for part, table in evaluation.scores.tables.items()
    ]
    asked = licence_asked(_corpora(run), run.encoder)
    hub_encoder = ":" not in run.encoder and "/" in run.encoder
    return ModelCardData(
        language="ar",
        license=asked.licence if asked else _LICENCE,
        library_name="marsad",
        pipeline_tag="text-classification" if settings.task == "events" else "token-classification",
        tags=["arabic", "named-entity-recognition", "event-detection", "conflict", "news"],
        base_model=run.encoder if hub_encoder else None,
        model_name=settings.name,
        eval_results=results,
    )


def seen_before(
    run: RunConfig, calibrations: Iterable[Calibration], benchmarks: Iterable[str]
) -> list[str]:
    """Return which benchmarks hold texts that training, selection or a calibration saw."""
    fitted_on = (calibration.fitted_on for calibration in calibrations)
    chosen_on = dict.fromkeys([run.data.dev, *(data for data in fitted_on if data)])
    return share_texts(benchmarks, learnt=_corpora(run), chosen_on=[*chosen_on])


def _chosen(run: RunConfig, choice: Choice) -> Iterable[str]:
    """Yield in a sentence each how the run was chosen among others."""
    if choice.seeds:
        scores = [*choice.seeds.values()]
        runs = f"{percent(mean(scores))} ± {percent(stdev(scores))}"
        if choice.mean is None:
            yield (
                f"The model is the best of {len(scores)} seeds by dev score (mean ± sd on "
                f"`{run.data.dev}`: {runs})."
            )
        else:
            yield (
                f"The model is the mean of the weights of {len(scores)} runs that differ in the "
                f"order of their data (Wortsman et al. 2022); dev score of the runs (mean ± sd on "
                f"`{run.data.dev}`) {runs}, of the model {percent(choice.mean)}."
            )
    if choice.searched:
        yield f"A search chose values of its configuration by the score on `{run.data.dev}`."


def _tasks(run: RunConfig) -> Iterable[str]:
    """Yield a line for each task, which also says what of it was not taught."""
    if run.task != "events":
        told = [part.corpus for part in run.data.parts if part.tells("entities")]
        caveat = teaching_of_entities(told).caveat("labels")
        number = "" if caveat else f" ({len(scheme().entities)} labels)"
        exact = "every mention is an exact slice of the caller's text"
        yield f"Finds named entities{number}; {exact}. {caveat}".rstrip()
    if run.task != "ner":
        told = [part.corpus for part in run.data.parts if part.tells("events")]
        caveat = teaching_of_events(told).caveat("event types")
        number = "" if caveat else f" (of {len(scheme().events)})"
        realis = "each with a realis (actual, planned or negated)"
        untaught = "" if teach_realis(told) else " Realis was never taught: ignore it."
        yield (
            f"Gives each sentence the set of event types that it reports{number}, {realis}. "
            f"{caveat}".rstrip()
            + untaught
        )


def _corpora(run: RunConfig) -> list[str]:
    return [part.corpus for part in run.data.parts]


def _flags(
    run: RunConfig, calibration: Calibration, others: Mapping[str, Calibration], metrics: Metrics
) -> Iterable[str]:
    """Yield in a sentence each what a hasty reader must not miss.

    Args:
        run: the run.
        calibration: of the file that is read by default.
        others: of other files that figures were read with, by their names.
        metrics: the figures.
    """
    data = [*metrics.evaluations, *metrics.seeds, *metrics.stress]
    if seen := seen_before(run, [calibration, *others.values()], data):
        yield f"Figures on {', '.join(map(named, seen))} {SEEN}."
    for file, other in others.items():
        if other.fitted_on != calibration.fitted_on:
            on = f"on `{named(other.fitted_on)}`" if other.fitted_on else "on nothing"
            yield f"Figures read with `{file}` are by thresholds fitted {on}."
    if calibration.fitted_on is None:
        yield "The scores are not calibrated."
        return
    curves = {
        "mentions": calibration.entities if run.task != "events" else None,
        "event types": calibration.events if run.task != "ner" else None,
    }
    raw = [kind for kind, curve in curves.items() if curve == Curve()]
    if raw:
        on = f"on `{named(calibration.fitted_on)}`"
        yield f"The scores of {' and '.join(raw)} are not calibrated: that could not be done {on}."
