"""Whether probabilities mean what they say, and what is gained by keeping silent.

A decision is a claimed mention (right or not) or an event type of a sentence (reported or not). The
expected calibration error is over bins of equal width (Guo et al. 2017, "On Calibration of Modern
Neural Networks"); the Brier score is the mean squared error (Brier 1950). Risk and coverage:
El-Yaniv and Wiener 2010, "On the Foundations of Noise-free Selective Classification".
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

BINS = 10
_STEPS = 20  # points of a risk-coverage curve


@dataclass(frozen=True)
class Bin:
    """Decisions of about one probability: its mean, and the share of them that hold."""

    probability: float
    share: float
    decisions: int


@dataclass(frozen=True)
class Reliability:
    """Expected calibration error, Brier score, and the bins behind the first."""

    ece: float
    brier: float
    decisions: int
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class RiskPoint:
    """The share of claims at or above a probability, and the share of those that are wrong."""

    coverage: float
    risk: float
    level: float


@dataclass(frozen=True)
class RiskCurve:
    """Risk by coverage: the mean over all coverages, that of the surest half, and that of all."""

    area: float
    half: float
    whole: float
    claims: int
    points: tuple[RiskPoint, ...]


@dataclass(frozen=True)
class Trust:
    """Reliability of a kind of decision before and after calibration, and risk by coverage.

    ``raw`` is None for predictions that come from elsewhere. ``claims`` is of what was claimed
    alone: most types of most sentences are plainly absent, and easily right.
    """

    raw: Reliability | None
    given: Reliability
    claims: Reliability
    risk: RiskCurve


def reliability(probabilities: Floats, holds: Bools) -> Reliability:
    """Compare probabilities with what holds; shapes (decisions,)."""
    which = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    groups = [group for group in (which == i for i in range(BINS)) if group.any()]
    bins = tuple(
        Bin(float(probabilities[group].mean()), float(holds[group].mean()), int(group.sum()))
        for group in groups
    )
    gaps = [abs(b.probability - b.share) * b.decisions for b in bins]
    total = max(len(probabilities), 1)
    return Reliability(
        ece=sum(gaps) / total,
        brier=float(((probabilities - holds) ** 2).sum() / total),
        decisions=len(probabilities),
        bins=bins,
    )


def risk_curve(probabilities: Floats, right: Bools) -> RiskCurve:
    """Return the risk of claims, the surest first; shapes (claims,), at least one."""
    risks, levels = _risks(probabilities, right)
    at = np.unique(np.linspace(1, len(right), min(_STEPS, len(right))).round().astype(int)) - 1
    points = tuple(
        RiskPoint((i + 1) / len(right), float(risks[i]), float(levels[i])) for i in at.tolist()
    )
    half = float(risks[(len(risks) - 1) // 2])
    return RiskCurve(float(risks.mean()), half, float(risks[-1]), len(right), points)


def level_for_risk(probabilities: Floats, right: Bools, *, most: float) -> float:
    """Return the lowest probability from which on at most a share of the claims is wrong.

    Shapes (claims,). 1 where no claim is sure enough.
    """
    risks, levels = _risks(probabilities, right)
    last_of_its_level = np.append(levels[1:] < levels[:-1], True)
    allowed = np.flatnonzero((risks <= most + 1e-12) & last_of_its_level[: len(risks)])
    return float(levels[allowed[-1]]) if len(allowed) else 1.0


def _risks(probabilities: Floats, right: Bools) -> tuple[Floats, Floats]:
    """Return the risk of the surest 1, 2, … claims, and the probability of the last of them.

    Claims that are equally sure are kept in no order, so each has the mean risk of them all.
    """
    order = np.argsort(-probabilities, kind="stable")
    levels = probabilities[order]
    _, which, sizes = np.unique(-levels, return_inverse=True, return_counts=True)
    wrong = np.bincount(which, weights=~right[order])
    risks = np.cumsum((wrong / np.maximum(sizes, 1))[which]) / np.arange(1, len(order) + 1)
    return risks, levels
