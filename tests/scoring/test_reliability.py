import numpy as np
import pytest

from marsad.scoring.reliability import (
    BINS,
    Floats,
    RiskPoint,
    level_for_risk,
    reliability,
    risk_curve,
)

NOTHING = np.array([]), np.array([], dtype=bool)


def outcomes(probabilities: Floats, seed: int = 0) -> np.ndarray:
    """Return what holds where the probabilities mean what they say."""
    return np.random.default_rng(seed).random(len(probabilities)) < probabilities


def test_calibrated_probabilities_have_a_small_error():
    probabilities = np.random.default_rng(1).beta(0.5, 0.5, 20_000)
    own = reliability(probabilities, outcomes(probabilities))
    assert own.ece < 0.015
    assert own.brier == pytest.approx(float((probabilities * (1 - probabilities)).mean()), abs=0.01)
    assert own.decisions == sum(b.decisions for b in own.bins) == 20_000
    assert len(own.bins) == BINS
    assert [int(b.probability * BINS) for b in own.bins] == [*range(BINS)]
    assert all(abs(b.probability - b.share) < 0.05 for b in own.bins)


def test_overconfident_probabilities_have_a_large_error():
    probabilities = np.random.default_rng(1).uniform(0.9, 1, 5000)
    holds = outcomes(np.full(5000, 0.6))
    own = reliability(probabilities, holds)
    assert own.ece == pytest.approx(0.95 - 0.6, abs=0.02)
    assert own.brier > reliability(np.full(5000, 0.6), holds).brier


def test_error_and_brier_score_by_hand():
    own = reliability(np.array([0.9, 0.2, 0.6]), np.array([True, False, False]))
    assert [(b.probability, b.share, b.decisions) for b in own.bins] == [
        (0.2, 0, 1),
        (0.6, 0, 1),
        (0.9, 1, 1),
    ]
    assert own.ece == pytest.approx((0.2 + 0.6 + 0.1) / 3)
    assert own.brier == pytest.approx((0.04 + 0.36 + 0.01) / 3)


def test_bins_are_of_equal_width_and_empty_ones_are_left_out():
    own = reliability(np.array([0, 0.05, 0.1, 0.95, 1]), np.array([False, True, False, True, True]))
    assert [(pytest.approx(b.probability), b.share, b.decisions) for b in own.bins] == [
        (0.025, 0.5, 2),
        (0.1, 0, 1),
        (0.975, 1, 2),
    ]


def test_order_of_equal_probabilities_changes_no_error():
    half = np.full(100, 0.5)
    assert reliability(half, np.arange(100) < 50).ece == 0
    assert reliability(half, np.arange(100) % 2 == 0).ece == 0


def test_order_of_equal_probabilities_changes_no_risk():
    half, right = np.full(100, 0.5), np.arange(100) < 50
    assert risk_curve(half, right).area == risk_curve(half, ~right).area


def test_risk_curve_by_hand():
    right = np.array([True, True, True, False])
    own = risk_curve(np.array([0.6, 0.9, 0.7, 0.8]), right)
    risks = [0, 1 / 2, 1 / 3, 1 / 4]
    assert own.claims == 4
    assert own.area == pytest.approx(sum(risks) / 4)
    assert own.points == tuple(
        RiskPoint(pytest.approx(coverage), pytest.approx(risk), level)
        for coverage, risk, level in zip(
            [0.25, 0.5, 0.75, 1], risks, [0.9, 0.8, 0.7, 0.6], strict=True
        )
    )


def test_risk_curve_of_many_claims_is_thinned_and_ends_with_all():
    probabilities = np.random.default_rng(2).uniform(0, 1, 1000)
    right = outcomes(probabilities)
    own = risk_curve(probabilities, right)
    coverages = [p.coverage for p in own.points]
    assert len(coverages) == 20
    assert coverages == sorted(coverages)
    assert coverages[-1] == 1
    assert own.points[-1].risk == pytest.approx(float((~right).mean()))
    assert own.area < own.points[-1].risk  # the sure claims are the right ones


@pytest.mark.parametrize(
    ("most", "level"), [(0.1, 0.9), (0.25, 0.6), (0.3, 0.6), (1 / 3, 0.6), (0.9, 0.6)]
)
def test_level_goes_as_low_as_the_risk_allows(most: float, level: float):
    right = np.array([True, False, True, True])  # risks 0, 1/2, 1/3, 1/4
    assert level_for_risk(np.array([0.9, 0.8, 0.7, 0.6]), right, most=most) == level


def test_level_is_1_where_no_claim_is_sure_enough():
    right = np.array([False, True, True])  # risks 1, 1/2, 1/3
    assert level_for_risk(np.array([0.9, 0.8, 0.7]), right, most=0.3) == 1
    assert level_for_risk(*NOTHING, most=0.3) == 1


def test_level_counts_all_claims_that_reach_it():
    probabilities, right = np.array([0.9, 0.9]), np.array([True, False])
    level = level_for_risk(probabilities, right, most=0.1)
    kept = right[probabilities >= level]
    assert (~kept).sum() <= 0.1 * len(kept)


def test_no_decisions_are_no_error():
    own = reliability(*NOTHING)
    assert (own.ece, own.brier, own.decisions, own.bins) == (0, 0, 0, ())
