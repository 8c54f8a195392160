"""The report of an evaluation: one self-contained HTML page with tables, plots and errors."""

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from marsad.benchmarks import Benchmark
from marsad.disagreements import Disagreement, rank_entities, rank_events
from marsad.errors import MissingExtraError
from marsad.fairness import fairness_gaps
from marsad.files import atomic_write
from marsad.labels import OUTSIDE, scheme
from marsad.metrics import Evaluation, StressResult
from marsad.systems import Answers

try:
    from marsad.report_plots import draw_reliability, draw_risk
except ModuleNotFoundError as error:
    raise MissingExtraError(error.name or "matplotlib", "report") from None

_TEMPLATE = Path(__file__).with_name("report.html.jinja")
SHOWN = 50  # errors of each sort
_CONTEXT = 160  # characters around what is marked


def write_report(
    path: Path,
    *,
    title: str,
    answers: Answers,
    benchmark: Benchmark,
    evaluation: Evaluation,
    stress: Mapping[str, StressResult] | None = None,
) -> None:
    """Write the page.

    Args:
        path: where to.
        title: names the system.
        answers: what the system said.
        benchmark: what it was asked.
        evaluation: the scores of the one on the other.
        stress: results of the stress suite, where it was run.

    Raises:
        DataError: the page cannot be written there.
    """
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=True
    )
    environment.globals |= {
        "pct": lambda share: f"{100 * share:.1f}",
        "gloss": _glosses(),
        "shade": _shade,
        "excerpt": excerpt,
        "outside": OUTSIDE,
    }
    trust = evaluation.trust
    scores = evaluation.scores
    page = environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        title=title,
        evaluation=evaluation,
        entities=scores.entities,
        events=scores.events,
        errors=_surest_errors(answers, benchmark, evaluation),
        reliability={task: Markup(svg) for task, svg in draw_reliability(trust).items()},
        risk={task: Markup(svg) for task, svg in draw_risk(trust).items()},
        stress=stress or {},
        gaps=fairness_gaps(stress or {}),
    )
    with atomic_write(path) as out:
        out.write(page)


def _surest_errors(
    answers: Answers, benchmark: Benchmark, evaluation: Evaluation
) -> dict[str, list[Disagreement]]:
    """Return the surest errors by what is wrong; claims and silence are not equally sure."""
    scores = evaluation.scores
    mentions = rank_entities(answers, benchmark) if scores.entities else []
    types = rank_events(answers, benchmark) if scores.events else []
    return {
        "Mentions claimed": [error for error in mentions if error.own][:SHOWN],
        "Mentions missed": [error for error in mentions if not error.own][:SHOWN],
        "Events claimed": [error for error in types if error.own][:SHOWN],
        "Events missed": [error for error in types if not error.own][:SHOWN],
    }


def excerpt(error: Disagreement) -> tuple[str, str, str]:
    """Return the sentence of an error as what is before, inside and after the mark."""
    if error.mark is None:
        return error.text, "", ""
    start, end = (offset - error.start for offset in error.mark)
    before, after = error.text[:start], error.text[end:]
    if len(before) > _CONTEXT:
        before = "…" + before[-_CONTEXT:].partition(" ")[2]
    if len(after) > _CONTEXT:
        after = after[:_CONTEXT].rpartition(" ")[0] + "…"
    return before, error.text[start:end], after


def _glosses() -> Mapping[str, str]:
    own = scheme()
    glosses = {value.name: value.gloss for value in (*own.families, *own.realis)}
    glosses |= {label.name: label.gloss for label in own.entities}
    return glosses | {event.name: event.gloss for event in own.events}


def _shade(count: int, row: Mapping[str, int]) -> str:
    """Return how dark a cell of a confusion matrix is, as a share of its row in percent."""
    return f"{100 * count / max(sum(row.values()), 1):.0f}%"
