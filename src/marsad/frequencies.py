"""How often labels occur in training windows."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from datasets import Dataset

from marsad.labels import scheme

Ints = npt.NDArray[np.int64]


def labels_held(windows: Dataset) -> list[frozenset[str]]:
    """Return the entity labels and event types that each window surely holds."""
    tags, types = scheme().tags, scheme().event_names
    return [
        frozenset(
            [
                *(tags[t][2:] for t in np.unique(own_tags) if 0 < t < len(tags)),
                *(types[i] for i in np.flatnonzero((own_events > 0).any(axis=0))),
            ]
        )
        for own_tags, own_events in _targets(windows)
    ]


def tag_counts(windows: Dataset) -> Ints:
    """Return how many words surely have each tag, shape (tags,)."""
    count = len(scheme().tags)
    total = np.zeros(count, dtype=np.int64)
    for tags, _ in _targets(windows):
        total += np.bincount(tags[(tags >= 0) & (tags < count)], minlength=count)
    return total


def type_counts(windows: Dataset) -> Ints:
    """Return how many sentences surely report each event type, shape (types,)."""
    total = np.zeros(len(scheme().event_names), dtype=np.int64)
    for _, events in _targets(windows):
        total += (events > 0).sum(axis=0)
    return total


def _targets(windows: Dataset) -> Iterator[tuple[Ints, Ints]]:
    """Yield tags (tokens,) and events (sentences, types) of each window."""
    for row in windows.select_columns(["tags", "events"]):
        yield np.array(row["tags"]), np.array(row["events"])
