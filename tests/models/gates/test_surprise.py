import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kstest

from models.gates.surprise import KNOTS, LEVELS, ROWS_ABOVE, Surprise, fit_surprise

THOUSAND = np.arange(1001.0)  # its quantile q is 1000 · q


def fitted(scores: np.ndarray, step: float = 0.0) -> Surprise:
    """A surprise that rises by at most 1 in a step of the score."""
    return fit_surprise(scores, np.full(len(scores), step))


def test_the_surprise_of_a_score_below_all_normal_scores_is_zero() -> None:
    assert fitted(THOUSAND)(np.array([-1e6, -1.0, 0.0])).tolist() == [0, 0, 0]


@pytest.mark.parametrize(("score", "share"), [(50, 0.95), (500, 0.5), (850, 0.15), (900, 0.1)])
def test_the_surprise_of_a_knot_is_the_share_of_rows_above(score: float, share: float) -> None:
    assert math.exp(-fitted(THOUSAND)(np.array([score]))[0]) == pytest.approx(share)


def test_between_knots_the_surprise_is_a_line() -> None:
    values = fitted(THOUSAND)(np.array([500.0, 525.0, 550.0]))
    assert values[1] == pytest.approx((math.log(1 / 0.5) + math.log(1 / 0.45)) / 2)


def test_beyond_the_last_knot_the_tail_is_exponential() -> None:
    # A knot needs 20 of 1001 rows above it, so the last is at 10^−1.6, above row 974.
    last = 1000 * (1 - 10**-1.6)
    mean_excess = np.arange(975, 1001).mean() - last
    values = fitted(THOUSAND)(last + mean_excess * np.array([0, 1, 2, 100]))
    assert values == pytest.approx(1.6 * math.log(10) + np.array([0, 1, 2, 100]))


def test_the_tail_of_exponential_scores_holds_beyond_all_rows() -> None:
    normal = np.random.default_rng(0).exponential(size=6000)
    far = np.array([12.0])  # 6 of a million rows
    assert fitted(normal)(far) == pytest.approx(far, rel=0.15)


def test_on_fresh_scores_the_p_values_are_uniform() -> None:
    random = np.random.default_rng(0)
    surprise = fitted(random.normal(size=6000))
    p = np.exp(-surprise(random.normal(size=20_000)))
    by_chance = 1.63 * math.sqrt(1 / 6000 + 1 / 20_000)  # Kolmogorov–Smirnov's bound at 1 %
    bounds = np.linspace(0, 0.95, 400)
    below = (p <= bounds[:, None]).mean(axis=1)
    assert np.abs(below - bounds).max() < by_chance
    # The highest twentieth has no knot but its ends, so a lower tail is a little rough.
    assert kstest(p, "uniform").statistic < 0.03
    assert (p < 0.01).mean() == pytest.approx(0.01, abs=0.003)


def test_a_single_row_gives_a_tail_of_rate_one() -> None:
    assert fitted(np.array([3.0]))(np.array([2.0, 3.0, 4.5])).tolist() == [0, 0, 1.5]


def test_too_few_rows_for_a_second_knot_give_the_tail_alone() -> None:
    # The rows above the first are 1, 2, 3, 4 higher: 2.5 on the mean.
    values = fitted(np.arange(1.0, 6.0))(np.array([1.0, 3.5, 6.0]))
    assert values == pytest.approx(np.array([0, 1, 2]))


def test_with_few_rows_no_knot_lies_above_all_but_twenty() -> None:
    normal = np.arange(200.0)
    assert (normal > fitted(normal).knots.max()).sum() == ROWS_ABOVE


def test_the_surprise_of_equal_scores_is_zero_and_of_others_finite() -> None:
    assert fitted(np.full(50, 3.0))(np.array([3.0, 4.0])).tolist() == [0, 1]


def test_rows_that_tie_share_the_p_value_of_all_of_them() -> None:
    normal = np.repeat([0.0, 1.0], [620, 380])
    assert math.exp(-fitted(normal)(np.array([1.0]))[0]) == pytest.approx(0.38, abs=0.05)


@given(arrays(np.float64, st.integers(1, 400), elements=st.floats(-100, 100, width=32)))
def test_the_surprise_never_falls(normal: np.ndarray) -> None:
    surprise = fitted(normal, step=1e-3)
    values = surprise(np.linspace(-120, 200, 500))
    assert surprise.knots.shape == surprise.slopes.shape == (KNOTS,)
    assert np.isfinite(values).all()
    assert values[0] == 0
    assert (np.diff(values) >= -1e-6 * np.maximum(values[1:], 1)).all()


def test_knots_fall_from_all_rows_to_one_in_a_hundred() -> None:
    assert LEVELS[0] == 1
    assert LEVELS[-1] == pytest.approx(0.01)
    assert (np.diff(LEVELS) < 0).all()


@given(arrays(np.float64, st.integers(1, 400), elements=st.floats(-1, 1, width=32)))
def test_the_surprise_rises_by_no_more_than_one_in_a_step(normal: np.ndarray) -> None:
    assert np.cumsum(fitted(normal, step=0.5).slopes).max() <= 2.001


def test_scores_that_nearly_tie_make_no_step_for_rounding_errors() -> None:
    # Half of the rows lie within a millionth of each other.
    ties, others = np.linspace(0, 1e-6, 500), np.linspace(0.5, 1, 501)
    surprise = fitted(np.concatenate([ties, others]), step=1e-4)
    values = surprise(np.array([0.0, 1e-6, 0.5]))
    assert values[1] < 0.02
    assert math.exp(-values[2]) == pytest.approx(0.5, abs=0.06)


def test_only_the_steps_of_nearby_rows_limit_a_line() -> None:
    steps = np.where(THOUSAND < 500, 1e5, 0.0)
    values = fit_surprise(THOUSAND, steps)(np.array([450.0, 900.0]))
    assert np.exp(-values) == pytest.approx(np.array([1.0, 0.1]), abs=0.01)
