"""Fairness: whether a model reads the names of all groups equally well."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from marsad.metrics import StressResult

FEWEST = 30  # mentions of a group, below which a gap says nothing
_DRAWS = 10_000


@dataclass(frozen=True)
class Gap:
    """The largest difference in recall between two groups, of the mentions put in.

    ``mentions`` is the smallest number that a group has. ``by_chance`` is what the gap would stay
    below in 19 of 20 cases if all groups were read alike (each with the mean recall).
    """

    value: float
    best: str
    worst: str
    mentions: int
    by_chance: float


def fairness_gaps(results: Mapping[str, StressResult]) -> dict[str, Gap]:
    """Return the gap for ``names`` and for ``groups``, where every group has enough mentions."""
    kinds: dict[str, dict[str, tuple[float, int]]] = {}
    for name, result in results.items():
        if result.group and result.changed:
            recall = (result.changed.after, result.changed.support)
            kinds.setdefault(name.partition("_")[0], {})[result.group] = recall
    return {
        kind: _gap(recalls)
        for kind, recalls in kinds.items()
        if len(recalls) > 1 and min(number for _, number in recalls.values()) >= FEWEST
    }


def _gap(recalls: Mapping[str, tuple[float, int]]) -> Gap:
    best = max(recalls, key=lambda group: recalls[group][0])
    worst = min(recalls, key=lambda group: recalls[group][0])
    values, numbers = (np.array(column) for column in zip(*recalls.values(), strict=True))
    mean = float((values * numbers).sum() / numbers.sum())
    drawn = np.random.default_rng(0).binomial(numbers, mean, (_DRAWS, len(numbers))) / numbers
    by_chance = float(np.quantile(drawn.max(axis=1) - drawn.min(axis=1), 0.95))
    value = recalls[best][0] - recalls[worst][0]
    return Gap(value, best, worst, int(numbers.min()), by_chance)
