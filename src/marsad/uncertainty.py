"""How far a figure can be trusted: intervals, and differences between two systems.

Documents, not sentences or mentions, are drawn, because mistakes within a document go together.
Everything starts from counts, shape (documents, names, 3): for each label or type how often it was
right, annotated and claimed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Figure = Callable[[Counts], Floats]

RESAMPLES = 2000
FEWEST_DOCUMENTS = 10
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A 95 % interval."""

    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """How much one system scores above another, and the p of so much by chance."""

    value: float
    interval: Interval
    p: float


def micro_f1(counts: Counts) -> Floats:
    """Return the F1 over all names, for counts of shape (..., names, 3)."""
    return _f1(counts.sum(axis=-2))


def macro_f1(counts: Counts) -> Floats:
    """Return the mean F1 of the names that are annotated, for counts of shape (..., names, 3)."""
    annotated = counts[..., 1] > 0
    total = (_f1(counts) * annotated).sum(axis=-1)
    mean: Floats = total / np.maximum(annotated.sum(axis=-1), 1)
    return mean


def _f1(counts: Counts) -> Floats:
    right, annotated, claimed = np.moveaxis(counts.astype(np.float64), -1, 0)
    f1: Floats = 2 * right / np.maximum(annotated + claimed, 1)
    return f1


def interval_of(counts: Counts, figure: Figure) -> Interval | None:
    """Return the percentile bootstrap interval of a figure (Efron 1979, "Bootstrap Methods").

    None where there are fewer than ``FEWEST_DOCUMENTS``: so few say nothing about others.
    """
    if len(counts) < FEWEST_DOCUMENTS:
        return None
    return _percentiles(figure(_resampled(counts)))


def compare(one: Counts, other: Counts, figure: Figure) -> Difference:
    """Compare two systems on the same documents.

    The interval is a paired bootstrap's; p is that of approximate randomisation (Yeh 2000, "More
    Accurate Tests for the Statistical Significance of Result Differences"), two-sided.

    Raises:
        ValueError: the counts are not of the same documents and names.
    """
    if one.shape != other.shape:
        raise ValueError(f"counts of shapes {one.shape} and {other.shape} are not of the same data")
    value = float(figure(one.sum(axis=0)) - figure(other.sum(axis=0)))
    paired = figure(_resampled(one)) - figure(_resampled(other))
    swapped = np.random.default_rng(0).integers(0, 2, (RESAMPLES, len(one)))
    gained = np.einsum("rd,dnk->rnk", swapped, one - other)
    by_chance = figure(one.sum(axis=0) - gained) - figure(other.sum(axis=0) + gained)
    as_large = int((np.abs(by_chance) >= abs(value) - 1e-12).sum())
    return Difference(value, _percentiles(paired), (as_large + 1) / (RESAMPLES + 1))


def _resampled(counts: Counts) -> Counts:
    """Return sums of as many documents drawn with replacement, the same for equal sizes."""
    size = len(counts)
    drawn = np.random.default_rng(0).multinomial(size, np.full(size, 1 / size), RESAMPLES)
    sums: Counts = np.einsum("rd,dnk->rnk", drawn, counts)
    return sums


def _percentiles(values: Floats) -> Interval:
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))
