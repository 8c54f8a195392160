"""Pictures of a corpus: label counts, sentence lengths, types that go together, places."""

from collections.abc import Callable, Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from marsad.files import atomic_path
from marsad.labels import scheme
from marsad.stats import CorpusStats

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "marsad"  # the same figures give the same file

_REALIS_COLOURS = {"actual": "#2f6fb3", "negated": "#b23b3b", "planned": "#d9a441"}
_MOST = 25


def draw_all(stats: CorpusStats, folder: Path) -> list[Path]:
    """Write one SVG a picture and return their paths."""
    pictures: Mapping[str, tuple[tuple[float, float], Callable[[Axes, CorpusStats], None]]] = {
        "entities": ((7, 3.6), draw_entities),
        "events": ((7, 6), draw_events),
        "lengths": ((7, 3), draw_lengths),
        "together": ((8, 7.2), draw_together),
        "countries": ((7, 6), draw_countries),
    }
    paths = []
    for name, (size, draw) in pictures.items():
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.subplots(), stats)
        path = folder / f"{name}.svg"
        with atomic_path(path) as temporary:
            figure.savefig(temporary, metadata={"Date": None})
        paths.append(path)
    return paths


def draw_entities(axes: Axes, stats: CorpusStats) -> None:
    """Draw the number of mentions of each entity label."""
    names = list(stats.entities)[::-1]
    bars = axes.barh(names, [stats.entities[name] for name in names], color="#2b8a57")
    axes.bar_label(bars, padding=3, fontsize=8)
    axes.set(title="Mentions by label", xlabel="mentions")
    axes.spines[["top", "right"]].set_visible(False)


def draw_events(axes: Axes, stats: CorpusStats) -> None:
    """Draw the number of sentences of each event type, stacked by realis."""
    names = list(stats.events)[::-1]
    left = np.zeros(len(names))
    for realis, colour in _REALIS_COLOURS.items():
        counts = np.array([stats.events[name][realis] for name in names])
        axes.barh(names, counts, left=left, color=colour, label=realis)
        left += counts
    axes.set(title="Sentences by event type and realis", xlabel="sentences")
    axes.legend(loc="upper right", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)


def draw_lengths(axes: Axes, stats: CorpusStats) -> None:
    """Draw the distribution of sentence lengths in words."""
    axes.hist(stats.lengths, bins=range(0, max(stats.lengths, default=0) + 3, 2), color="#5566cc")
    axes.set(title="Sentence lengths", xlabel="words", ylabel="sentences")
    axes.spines[["top", "right"]].set_visible(False)


def draw_together(axes: Axes, stats: CorpusStats) -> None:
    """Draw how often two event types stand in one sentence."""
    names = scheme().event_names
    matrix = np.zeros((len(names), len(names)), dtype=int)
    for (one, two), number in stats.together.items():
        i, j = names.index(one), names.index(two)
        matrix[i, j] = matrix[j, i] = number
    axes.imshow(matrix, cmap="Blues")
    dark = matrix.max() / 2
    for i, j in np.argwhere(matrix > 0):
        colour = "white" if matrix[i, j] > dark else "black"
        axes.text(j, i, matrix[i, j], ha="center", va="center", fontsize=6, color=colour)
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_title("Types reported in one sentence")


def draw_countries(axes: Axes, stats: CorpusStats) -> None:
    """Draw the number of sentences about each country."""
    most = list(stats.meta["country"].items())[:_MOST][::-1]
    bars = axes.barh([name for name, _ in most], [n for _, n in most], color="#a0612b")
    axes.bar_label(bars, padding=3, fontsize=8)
    axes.set(title="Sentences by country", xlabel="sentences")
    axes.spines[["top", "right"]].set_visible(False)
