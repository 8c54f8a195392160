"""Scores as tables on a terminal."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from marsad.cli.screen import screen

if TYPE_CHECKING:
    from marsad.metrics import Change, StressResult
    from marsad.scoring import Score, Scores
    from marsad.scoring.entities import EntityScores
    from marsad.scoring.events import EventScores
    from marsad.scoring.reliability import Trust
    from marsad.scoring.uncertainty import Interval


def show_scores(scores: "Scores", *, title: str) -> None:
    """Print tables of scores."""
    console = screen()
    if scores.entities:
        _show_entities(console, scores.entities, title)
    if scores.events:
        _show_events(console, scores.events, title)
    if scores.coverage is not None:
        _say(f"read: {scores.coverage:.1%} of the words of {scores.documents} documents")
    if scores.never_predicted:
        _say(f"[bold]never predicted:[/bold] {', '.join(scores.never_predicted)}")


def show_trust(trust: "Mapping[str, Trust]") -> None:
    """Print how far probabilities can be trusted."""
    if not trust:
        return
    columns = ("decisions", "ECE", "Brier", "ECE, raw", "Brier, raw", "claims", "ECE of claims")
    table = _table("probabilities of", *columns)
    for task, own in trust.items():
        raw = (f"{own.raw.ece:.3f}", f"{own.raw.brier:.4f}") if own.raw else ("-", "-")
        given = (str(own.given.decisions), f"{own.given.ece:.3f}", f"{own.given.brier:.4f}")
        table.add_row(task, *given, *raw, str(own.risk.claims), f"{own.claims.ece:.3f}")
    screen().print(table)


def show_stress(results: "Mapping[str, StressResult]") -> None:
    """Print what rewriting does, and how unequally names and groups are read."""
    from marsad.fairness import fairness_gaps

    table = _table("rewriting", "sentences", "entities", "flips", "changed", "events", "flips")
    for name, own in results.items():
        table.add_row(
            name,
            str(own.sentences),
            *_change(own.entities),
            _change(own.changed)[0],
            *_change(own.events),
        )
    screen().print(table)
    for kind, gap in fairness_gaps(results).items():
        _say(
            f"{kind}: recall differs by up to {gap.value:.3f} (best {gap.best}, worst {gap.worst}, "
            f"at least {gap.mentions} mentions each; by chance below {gap.by_chance:.3f})"
        )


def _change(change: "Change | None") -> tuple[str, str]:
    if change is None:
        return "-", "-"
    return f"{change.before:.3f} → {change.after:.3f}", f"{change.flips:.1%}"


def _show_entities(console: Console, entities: "EntityScores", title: str) -> None:
    strict = entities.strict
    _show(console, f"Entities (strict spans): {title}", strict.per_name, strict.micro)
    modes = _table("counted as right", "micro F1", "macro F1", "CoNLL-4 micro", "CoNLL-4 macro")
    for mode, table in entities.modes.items():
        rolled = entities.conll[mode] if entities.conll else None
        own = [f"{table.micro.f1:.3f}", f"{table.macro_f1:.3f}"]
        four = [f"{rolled.micro.f1:.3f}", f"{rolled.macro_f1:.3f}"] if rolled else ["-", "-"]
        modes.add_row(mode, *own, *four)
    console.print(modes)
    _say(
        f"strict micro F1 {strict.micro.f1:.3f}{_interval(strict.micro_interval)} of "
        f"{strict.micro.support} mentions, macro F1 {strict.macro_f1:.3f}"
        f"{_interval(strict.macro_interval)} over {strict.averaged} labels, "
        f"seqeval token-level F1 {entities.seqeval.f1:.3f} of {entities.seqeval.support} mentions"
    )
    _say("mistakes: " + ", ".join(f"{k} {n}" for k, n in entities.mistakes.items()))


def _show_events(console: Console, events: "EventScores", title: str) -> None:
    types = events.types
    ranking = {name: f"{r.average_precision:.3f}" for name, r in (events.ranking or {}).items()}
    _show(console, f"Events: {title}", types.per_name, types.micro, {"AP": ranking})
    if events.families:
        _show(console, "Families", events.families.per_name, None)
    _say(
        f"micro F1 {types.micro.f1:.3f}{_interval(types.micro_interval)} of "
        f"{types.micro.support} types, macro F1 {types.macro_f1:.3f}"
        f"{_interval(types.macro_interval)} over {types.averaged} types, "
        f"exact sets {events.exact_set_accuracy:.3f} of {events.sentences} sentences"
    )
    if events.realis:
        _say(
            f"realis right {events.realis.accuracy:.3f} of {events.realis.support} found types, "
            f"type with realis micro F1 {events.realis.end_to_end.micro.f1:.3f} "
            f"of {events.realis.end_to_end.micro.support}"
        )


def _say(line: str) -> None:
    """Print a line as it is, however wide the terminal."""
    screen().print(line, soft_wrap=True, highlight=False)


def _interval(interval: "Interval | None") -> str:
    return f" ({interval.low:.3f} to {interval.high:.3f})" if interval else ""


def _table(first: str, *columns: str, title: str | None = None) -> Table:
    table = Table(
        Column(first, no_wrap=True, overflow="fold"),
        title=title and escape(title),
        title_justify="left",
    )
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _show(
    console: Console,
    title: str,
    rows: "Mapping[str, Score]",
    micro: "Score | None",
    more: Mapping[str, Mapping[str, str]] | None = None,
) -> None:
    """Print precision, recall and F1 of each name, and further columns by name."""
    extra = {column: values for column, values in (more or {}).items() if values}
    table = _table(
        "label", "precision", "recall", "F1", "support", "predicted", *extra, title=title
    )
    for name, score in [*rows.items(), *([("micro", micro)] if micro else [])]:
        known = score.support or score.predicted
        values = (score.precision, score.recall, score.f1)
        figures = (f"{value:.3f}" if known else "-" for value in values)
        others = (values.get(name, "-") for values in extra.values())
        table.add_row(name, *figures, str(score.support), str(score.predicted), *others)
    console.print(table)
