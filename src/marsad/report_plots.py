"""Plots of an evaluation as SVG text: reliability, and risk by coverage."""

import io
from collections.abc import Callable, Mapping
from functools import partial

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from marsad.scoring.reliability import Reliability, RiskCurve, Trust

_GIVEN, _RAW, _GRID = "#1f6f8b", "#b9772b", "#d8d4cb"


def draw_reliability(trust: Mapping[str, Trust]) -> dict[str, str]:
    """Return, for each kind of decision, how often what has a probability holds."""
    return {task: _svg(partial(_reliability, trust=own)) for task, own in trust.items()}


def draw_risk(trust: Mapping[str, Trust]) -> dict[str, str]:
    """Return, for each kind of decision, the share of errors among the surest claims."""
    return {task: _svg(partial(_risk, curve=own.risk)) for task, own in trust.items()}


def _svg(draw: Callable[[Axes], None]) -> str:
    with mpl.rc_context():
        mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "marsad", "font.size": 9})
        figure = Figure(figsize=(4.2, 3.4), layout="constrained")
        axes = figure.subplots()
        draw(axes)
        axes.grid(color=_GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None}, transparent=True)
    svg = text.getvalue()
    return svg[svg.index("<svg") :]


def _reliability(axes: Axes, trust: Trust) -> None:
    axes.plot([0, 1], [0, 1], color="#8a857b", linewidth=0.8, linestyle="--")
    if trust.raw:
        _bins(axes, trust.raw, _RAW, "the model's own scores")
    _bins(axes, trust.given, _GIVEN, "calibrated" if trust.raw else "as given")
    axes.set(xlabel="probability", ylabel="share that holds", xlim=(0, 1), ylim=(0, 1))
    axes.legend(frameon=False, loc="upper left")


def _bins(axes: Axes, reliability: Reliability, colour: str, label: str) -> None:
    points = [(b.probability, b.share) for b in reliability.bins]
    name = f"{label}: error {reliability.ece:.3f}"
    axes.plot(*zip(*points, strict=True), marker="o", markersize=4, color=colour, label=name)


def _risk(axes: Axes, curve: RiskCurve) -> None:
    points = [(p.coverage, p.risk) for p in curve.points]
    if points:
        axes.plot(*zip(*points, strict=True), marker="o", markersize=3, color=_GIVEN)
    axes.set(xlabel="share of the claims that is kept, the surest first")
    axes.set(ylabel="share of them that is wrong", xlim=(0, 1), ylim=(0, None))
