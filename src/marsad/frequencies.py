"""How often labels occur in training windows."""

from collections.abc import Iterator

import numpy as np
from datasets import Dataset

from marsad.label_sets import Bools, Ints, label_sets
from marsad.labels import scheme
from marsad.losses import IGNORED
from marsad.sampling import Floats
from marsad.tasks import Task


def says_something(windows: Dataset, task: Task) -> bool:
    """Say whether any annotation in the windows is of what a task learns."""
    nothing = (IGNORED, label_sets().anything)
    for row in windows.select_columns(["tags", "events", "groups"]):
        if task != "events" and not np.isin(row["tags"], nothing).all():
            return True
        if task != "ner" and any(np.max(row[key], initial=-1) >= 0 for key in ("events", "groups")):
            return True
    return False


def marks_something(windows: Dataset, task: Task) -> bool:
    """Say whether any annotation in the windows is a mention, or an event, of one task."""
    outside = label_sets().tags[:, 0]  # the sets that hold O
    for row in windows.select_columns(["tags", "events", "groups"]):
        tags = np.asarray(row["tags"])
        if task == "ner" and not outside[tags[tags >= 0]].all():
            return True
        if task == "events" and any(
            np.max(row[key], initial=0) > 0 for key in ("events", "groups")
        ):
            return True
    return False


def untold(windows: Dataset) -> set[str]:
    """Return what no annotation in the windows says: of ``proclitics`` and ``realis``."""
    left = {"proclitics", "realis"}
    for row in windows.select_columns(["proclitics", "events"]):
        if np.max(row["proclitics"], initial=IGNORED) != IGNORED:
            left.discard("proclitics")
        if np.max(row["events"], initial=0) > 0:
            left.discard("realis")
        if not left:
            break
    return left


def labels_held(windows: Dataset) -> list[frozenset[str]]:
    """Return the entity labels and event types that each window surely holds."""
    tags, types = scheme().tags, scheme().event_names
    return [
        frozenset(
            [
                *(tags[t][2:] for t in np.unique(own_tags) if 0 < t < len(tags)),
                *(types[i] for i in np.flatnonzero(reported.any(axis=0))),
            ]
        )
        for own_tags, reported in _sure(windows)
    ]


def tag_counts(windows: Dataset) -> Floats:
    """Return how many words of an epoch surely have each tag, by the windows' shares; (tags,)."""
    count = len(scheme().tags)
    total = np.zeros(count)
    for share, (tags, _) in zip(windows["share"], _sure(windows), strict=True):
        total += share * np.bincount(tags[(tags >= 0) & (tags < count)], minlength=count)
    return total


def type_counts(windows: Dataset) -> Floats:
    """Return how many sentences of an epoch surely report each event type, likewise; (types,)."""
    total = np.zeros(len(scheme().event_names))
    for share, (_, reported) in zip(windows["share"], _sure(windows), strict=True):
        total += share * reported.sum(axis=0)
    return total


def _sure(windows: Dataset) -> Iterator[tuple[Ints, Bools]]:
    """Yield the tags of each window, (tokens,), and what it reports, (sentences, types).

    A group of one type says as much as the type itself.
    """
    groups = label_sets().groups
    alone = groups.sum(axis=1) == 1
    for row in windows.select_columns(["tags", "events", "groups"]):
        voted = (np.array(row["groups"]) == 1)[:, alone] @ groups[alone]
        yield np.array(row["tags"]), (np.array(row["events"]) > 0) | voted
