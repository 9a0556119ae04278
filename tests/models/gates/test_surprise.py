import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kstest

from models.gates.surprise import KNOTS, LEVELS, ROWS_ABOVE, fit_surprise

THOUSAND = np.arange(1001.0)  # its quantile q is 1000 · q


def test_a_score_below_all_normal_ones_is_no_surprise() -> None:
    told = fit_surprise(THOUSAND)(np.array([-1e6, -1.0, 0.0]))
    assert told.tolist() == [0, 0, 0]


@pytest.mark.parametrize(("score", "share"), [(50, 0.95), (500, 0.5), (850, 0.15), (900, 0.1)])
def test_at_a_knot_the_share_of_rows_above_is_told(score: float, share: float) -> None:
    told = fit_surprise(THOUSAND)(np.array([score]))
    assert math.exp(-told[0]) == pytest.approx(share)


def test_between_knots_the_surprise_is_a_line() -> None:
    told = fit_surprise(THOUSAND)(np.array([500.0, 525.0, 550.0]))
    assert told[1] == pytest.approx((math.log(1 / 0.5) + math.log(1 / 0.45)) / 2)


def test_beyond_the_last_knot_the_tail_is_exponential() -> None:
    # 20 of 1001 rows are to lie above a knot, so the last is at 10^−1.6, above row 974.
    last = 1000 * (1 - 10**-1.6)
    mean_excess = np.arange(975, 1001).mean() - last
    scores = last + mean_excess * np.array([0, 1, 2, 100])
    told = fit_surprise(THOUSAND)(scores)
    assert told == pytest.approx(1.6 * math.log(10) + np.array([0, 1, 2, 100]))


def test_the_tail_of_exponential_scores_is_found_beyond_all_rows() -> None:
    normal = np.random.default_rng(0).exponential(size=6000)
    far = np.array([12.0])  # 6 of a million rows
    assert fit_surprise(normal)(far) == pytest.approx(far, rel=0.15)


def test_on_fresh_rows_the_p_values_are_uniform() -> None:
    random = np.random.default_rng(0)
    surprise = fit_surprise(random.normal(size=6000))
    p_values = np.exp(-surprise(random.normal(size=20_000)))
    by_chance = 1.63 * math.sqrt(1 / 6000 + 1 / 20_000)  # Kolmogorov–Smirnov's bound at 1 %
    bounds = np.linspace(0, 0.95, 400)
    below = (p_values <= bounds[:, None]).mean(axis=1)
    assert np.abs(below - bounds).max() < by_chance
    # The most usual twentieth has no knot but its ends, so a lower tail is told a little roughly.
    assert kstest(p_values, "uniform").statistic < 0.03
    assert (p_values < 0.01).mean() == pytest.approx(0.01, abs=0.003)


def test_a_single_row_gives_a_tail_of_rate_one() -> None:
    told = fit_surprise(np.array([3.0]))(np.array([2.0, 3.0, 4.5]))
    assert told.tolist() == [0, 0, 1.5]


def test_too_few_rows_for_a_second_knot_give_the_tail_alone() -> None:
    # The rows above the first are 1, 2, 3, 4 higher: 2.5 on the mean.
    told = fit_surprise(np.arange(1.0, 6.0))(np.array([1.0, 3.5, 6.0]))
    assert told == pytest.approx(np.array([0, 1, 2]))


def test_with_few_rows_no_knot_lies_above_all_but_twenty() -> None:
    normal = np.arange(200.0)
    knots = fit_surprise(normal).knots
    assert (normal > knots.max()).sum() == ROWS_ABOVE


def test_equal_scores_are_no_surprise_and_others_are_finite() -> None:
    told = fit_surprise(np.full(50, 3.0))(np.array([3.0, 4.0]))
    assert told.tolist() == [0, 1]


def test_rows_that_tie_share_the_p_value_of_all_of_them() -> None:
    normal = np.repeat([0.0, 1.0], [620, 380])
    assert math.exp(-fit_surprise(normal)(np.array([1.0]))[0]) == pytest.approx(0.38, abs=0.05)


@given(arrays(np.float64, st.integers(1, 400), elements=st.floats(-100, 100)))
def test_the_surprise_never_falls(normal: np.ndarray) -> None:
    surprise = fit_surprise(normal)
    told = surprise(np.linspace(-120, 200, 500))
    assert surprise.knots.shape == surprise.slopes.shape == (KNOTS,)
    assert np.isfinite(told).all()
    assert told[0] == 0
    assert (np.diff(told) >= -1e-6 * np.maximum(told[1:], 1)).all()


def test_knots_fall_from_all_rows_to_one_in_a_hundred() -> None:
    assert LEVELS[0] == 1
    assert LEVELS[-1] == pytest.approx(0.01)
    assert (np.diff(LEVELS) < 0).all()


def test_scores_that_nearly_tie_make_no_step_that_rounding_could_climb() -> None:
    # Half of the rows lie within a millionth of each other, the knots span 1.
    ties, others = np.linspace(0, 1e-6, 500), np.linspace(0.5, 1, 501)
    fitted = fit_surprise(np.concatenate([ties, others]))
    steepest = np.cumsum(fitted.slopes).max()
    told = fitted(np.array([0.0, 1e-6, 0.5]))
    assert steepest < 100  # a line through each knot would rise by 10^5 and more
    assert told[1] < 1e-4
    assert math.exp(-told[2]) == pytest.approx(0.5, abs=0.06)
