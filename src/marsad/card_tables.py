"""How a card writes figures: percentages, tables, and quotes beside each other."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from marsad.metrics import Change, Evaluation
from marsad.scoring import Score
from marsad.scoring.examples import Examples
from marsad.scoring.slices import Slice, SliceScore
from marsad.scoring.tables import Table
from marsad.scoring.uncertainty import Interval

_NONE = "–"
_MARKUP = re.compile(r"[\\`*_~\[\]()|#!&]")
_IN_A_NAME = re.compile(r"[|\[\]]")
FIGURES = {"entities": "strict span micro F1", "events": "event type micro F1"}  # of record


def percent(share: float) -> str:
    """Return a share as a percentage of one decimal."""
    return f"{100 * share:.1f}"


def span(interval: Interval | None) -> str:
    """Return an interval in brackets, after a blank; nothing for none."""
    return f" ({percent(interval.low)} to {percent(interval.high)})" if interval else ""


def change(figure: Change | None) -> str:
    """Return a figure before and after, with its support."""
    if figure is None:
        return _NONE
    return f"{percent(figure.before)} → {percent(figure.after)} ({figure.support})"


def flips(figure: Change | None) -> str:
    """Return the share of verdicts that changed."""
    return f"{percent(figure.flips)} %" if figure else _NONE


def summary(evaluations: Mapping[str, Evaluation]) -> str:
    """Return the main figures of each evaluation, one a line."""
    own = evaluations.values()
    tasks = [task for task in FIGURES if any(task in e.scores.tables for e in own)]
    rows = [
        (
            named(e.data),
            size(e),
            *chain.from_iterable(_micro(e.scores.tables.get(task)) for task in tasks),
            f"`{e.read_with}`",
        )
        for e in own
    ]
    return _lines(("data", "size", *_heads(tasks), "read with"), rows)


def size(evaluation: Evaluation) -> str:
    """Return how many documents or sentences were read."""
    count = evaluation.scores.documents
    return f"{count} {evaluation.unit if count != 1 else evaluation.unit.removesuffix('s')}"


def _heads(tasks: Iterable[str]) -> Iterator[str]:
    for task in tasks:
        yield from (FIGURES[task], "of")


def _micro(table: Table | None) -> tuple[str, str]:
    if not table:
        return _NONE, ""
    return f"{percent(table.micro.f1)}{span(table.micro_interval)}", str(table.micro.support)


def scores(rows: Mapping[str, Score], micro: Score | None, head: str) -> str:
    """Return precision, recall and F1 by name."""
    lines = []
    for name, score in [*rows.items(), *([("**micro**", micro)] if micro else [])]:
        counted = score.support or score.predicted
        values = (score.precision, score.recall, score.f1)
        figures = [percent(value) if counted else _NONE for value in values]
        lines.append((name, *figures, str(score.support), str(score.predicted)))
    names = (head, "precision", "recall", "F1", "support", "predicted")
    return _lines(names, lines)


def slices(cuts: Mapping[str, Mapping[str, Slice]]) -> str:
    """Return the micro F1 of parts of the data."""
    parts = [(cut, name, part) for cut, named in cuts.items() for name, part in named.items()]
    tasks = [task for task in FIGURES if any(getattr(part, task) for *_, part in parts)]
    rows = [
        (
            _cell(cut),
            _cell(name),
            str(part.documents),
            str(part.sentences),
            *chain.from_iterable(_part(getattr(part, task)) for task in tasks),
        )
        for cut, name, part in parts
    ]
    return _lines(("cut by", "part", "documents", "sentences", *_heads(tasks)), rows)


def _part(score: SliceScore | None) -> tuple[str, str]:
    if not score or not (score.support or score.predicted):
        return _NONE, "0"
    return f"{percent(score.f1)}{span(score.interval)}", str(score.support)


def examples(of_names: Mapping[str, Examples], head: str) -> str:
    """Return a right and a wrong answer of each name."""
    rows = [
        (name, verdict, _cell(example.sentence), *map(_said, (example.annotated, example.claimed)))
        for name, drawn in of_names.items()
        for verdict, example in (("right", drawn.right), ("wrong", drawn.wrong))
        if example
    ]
    return _lines((head, "", "sentence", "annotated", "the model says"), rows)


def quoted(evaluations: Mapping[str, Evaluation]) -> Iterator[Evaluation]:
    """Yield the evaluations that hold examples."""
    return (evaluation for evaluation in evaluations.values() if evaluation.examples)


def _said(names: Sequence[str]) -> str:
    return _cell(", ".join(names)) or "nothing"


def named(data: str) -> str:
    """Return the name of data as a card may show it, whatever a file is called."""
    plain = " ".join(data.split()).replace("<", "&lt;").replace("`", "'")
    return _IN_A_NAME.sub(r"\\\g<0>", plain)


def _cell(text: str) -> str:
    """Return text for a table's cell, on one line and none of it markup."""
    return _MARKUP.sub(r"\\\g<0>", " ".join(text.split())).replace("<", "&lt;")


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; columns of numbers are set to the right."""
    columns = zip(*rows, strict=True)
    rule = ["---:" if all(map(_is_number, column)) else "---" for column in columns]
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join(rule or ['---'] * len(head))}|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _is_number(cell: str) -> bool:
    return cell in (_NONE, "") or cell.replace(".", "", 1).isdigit()
