"""How far a figure can be trusted: intervals, and differences between two systems.

Documents, not sentences or mentions, are drawn, because mistakes within a document go together.
Everything starts from counts, shape (documents, names, 4): of each name how many annotated
decisions were found, how many there are, how many claimed ones are right, and how many there are.
The first and the third differ where a right mention may bear another label.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float64]
Figure = Callable[[Counts], Floats]

RESAMPLES = 2000
_PARTS = 20  # that they are drawn in, for memory
_AT_ONCE = RESAMPLES // _PARTS
FEWEST_DOCUMENTS = 10
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A 95 % interval."""

    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """How much one system scores above another, and the p of so much by chance.

    Interval and p are None where there are too few documents.
    """

    value: float
    interval: Interval | None
    p: float | None


def micro_f1(counts: Counts) -> Floats:
    """Return the F1 over all names, for counts of shape (..., names, 4)."""
    return f1(counts.sum(axis=-2))


def macro_f1(counts: Counts) -> Floats:
    """Return the mean F1 of the names that are annotated, for counts of shape (..., names, 4)."""
    annotated = counts[..., 1] > 0
    total = (f1(counts) * annotated).sum(axis=-1)
    mean: Floats = total / np.maximum(annotated.sum(axis=-1), 1)
    return mean


def f1(counts: Counts) -> Floats:
    """Return the harmonic mean of recall and precision, 0 where both are, for shape (..., 4)."""
    found, annotated, right, claimed = np.moveaxis(counts, -1, 0)
    recall, precision = found / np.maximum(annotated, 1), right / np.maximum(claimed, 1)
    total = recall + precision
    result: Floats = np.divide(
        2 * recall * precision, total, out=np.zeros_like(total), where=total > 0
    )
    return result


def intervals_of(counts: Counts, *figures: Figure) -> tuple[Interval | None, ...]:
    """Return the percentile bootstrap interval of figures (Efron 1979, "Bootstrap Methods").

    Counts have the shape (documents, names, 4). None where there are fewer than
    ``FEWEST_DOCUMENTS``: so few say nothing about others.
    """
    if len(counts) < FEWEST_DOCUMENTS:
        return (None,) * len(figures)
    resampled = _resampled(counts)
    return tuple(_percentiles(figure(resampled)) for figure in figures)


def compare(one: Counts, other: Counts, figure: Figure) -> Difference:
    """Compare two systems on the same documents, counts of shape (documents, names, 4).

    The interval is a paired bootstrap's; p is that of approximate randomisation (Yeh 2000, "More
    Accurate Tests for the Statistical Significance of Result Differences"), two-sided.

    Raises:
        ValueError: the counts are not of the same documents and names.
    """
    if one.shape != other.shape:
        raise ValueError(f"counts of shapes {one.shape} and {other.shape} are not of the same data")
    value = float(figure(one.sum(axis=0)) - figure(other.sum(axis=0)))
    if len(one) < FEWEST_DOCUMENTS:
        return Difference(value, None, None)
    paired = figure(_resampled(one)) - figure(_resampled(other))
    swapped = np.random.default_rng(0).integers(0, 2, (RESAMPLES, len(one))).astype(np.float64)
    gained = np.tensordot(swapped, one - other, axes=1)
    by_chance = figure(one.sum(axis=0) - gained) - figure(other.sum(axis=0) + gained)
    as_large = int((np.abs(by_chance) >= abs(value) - 1e-12).sum())
    return Difference(value, _percentiles(paired), (as_large + 1) / (RESAMPLES + 1))


def _resampled(counts: Counts) -> Counts:
    """Return sums of as many documents drawn with replacement, the same for equal sizes."""
    size, rng = len(counts), np.random.default_rng(0)
    draws = (rng.multinomial(size, np.full(size, 1 / size), _AT_ONCE) for _ in range(_PARTS))
    return np.concatenate([np.tensordot(d.astype(np.float64), counts, axes=1) for d in draws])


def _percentiles(values: Floats) -> Interval:
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))
