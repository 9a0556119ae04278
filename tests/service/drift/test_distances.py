from math import comb, exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, betabinom, chi2

from service.baselines import GATE_BINS
from service.drift.distances import (
    chi_square_tail,
    excess_p_value,
    expected_gates,
    label_p_value,
    layer_p_values,
    population_stability,
    two_sample_statistic,
)
from service.drift.windows import WindowCounts
from tests.service.drift.conftest import held_out

count_lists = st.lists(st.integers(0, 1000), min_size=4, max_size=4).map(np.array)


def counts(labels: list[int], bins: list[list[int]]) -> WindowCounts:
    """Return rows by label, and their bins, the same in both layers."""
    both = np.array(bins)[:, None, :].repeat(2, axis=1)
    return WindowCounts(atypical=np.zeros(2, int), labels=np.array(labels), counts=both)


# Population stability.


def test_the_stability_index_uses_smoothed_shares() -> None:
    p, q = (3.5 / 5, 1.5 / 5), (1.5 / 5, 3.5 / 5)
    expected = (p[0] - q[0]) * log(p[0] / q[0]) + (p[1] - q[1]) * log(p[1] / q[1])
    result = population_stability(np.array([3, 1]), np.array([1, 3]))
    assert float(result) == pytest.approx(expected)


@given(count_lists, count_lists)
def test_the_stability_index_is_finite_and_not_negative(one: np.ndarray, two: np.ndarray) -> None:
    assert 0 <= population_stability(one, two) < np.inf
    assert population_stability(one, one) == 0


# Two samples.


def test_the_statistic_is_the_smaller_of_two() -> None:
    # Of 10 and 10 rows 6 and 2 are in the first bin: 4 of each are expected, and 6 in the other.
    pearson = 4 * (2 * 2) / 4 / 2 + 4 * (2 * 2) / 6 / 2
    likelihood = 2 * (6 * log(6 / 4) + 4 * log(4 / 6) + 2 * log(2 / 4) + 8 * log(8 / 6))
    result = two_sample_statistic(np.array([6, 4]), np.array([2, 8]))
    assert pearson == pytest.approx(10 / 3)
    assert likelihood == pytest.approx(3.4522, abs=1e-4)
    assert float(result) == pytest.approx(10 / 3)


def test_bins_that_are_empty_in_both_samples_add_nothing() -> None:
    with_empty = two_sample_statistic(np.array([6, 4, 0]), np.array([2, 8, 0]))
    assert float(with_empty) == pytest.approx(10 / 3)


def test_samples_without_a_common_bin_have_the_largest_statistic() -> None:
    assert two_sample_statistic(np.array([10, 0]), np.array([0, 10])) == pytest.approx(20)


@given(count_lists, count_lists)
def test_the_statistic_is_symmetric_and_0_for_equal_shares(
    one: np.ndarray, two: np.ndarray
) -> None:
    if one.sum() and two.sum():
        assert two_sample_statistic(one, two) == pytest.approx(
            two_sample_statistic(two, one), abs=1e-9
        )
        assert two_sample_statistic(one, 3 * one) == pytest.approx(0, abs=1e-9)


# Gates.


def test_expected_gates_are_weighted_by_the_labels_of_the_window() -> None:
    """Label a has its 220 rows in bin 0, b its 110 in bin 1; the window has equal shares."""
    first, second = [220] + [0] * 10, [0, 110] + [0] * 9
    base = held_out(counts=[[first] * 2, [second] * 2, [[0] * GATE_BINS] * 2])
    window = counts([300, 300, 0], [[300] + [0] * 10, [0, 300] + [0] * 9, [0] * GATE_BINS])
    observed, expected = expected_gates(window, base)
    assert observed[0].tolist() == [300, 300] + [0] * 9
    # The effective sample size is 600² / (300² / 220 + 300² / 110).
    assert expected[1].tolist() == pytest.approx([880 / 3 / 2] * 2 + [0] * 9)
    assert layer_p_values(observed, expected) == [1, 1]


def test_other_shares_of_the_labels_change_the_labels_test_only() -> None:
    """Each label has its own bins; the ratio changes from 2 : 1 to 1 : 9."""
    first, second = [20] * 11, [110] + [0] * 10
    base = held_out(counts=[[first] * 2, [second] * 2, [[0] * GATE_BINS] * 2])
    window = counts([110, 990, 0], [[10] * 11, [990] + [0] * 10, [0] * 11])
    assert min(layer_p_values(*expected_gates(window, base))) == pytest.approx(1)
    assert label_p_value(window.labels, base.predicted) < 1e-90


def test_rows_of_a_label_without_held_out_rows_change_no_layer() -> None:
    window = counts([0, 0, 50], [[0] * 11, [0] * 11, [50] + [0] * 10])
    observed, expected = expected_gates(window, held_out())
    assert not observed.any()
    assert layer_p_values(observed, expected) == [1, 1]


def test_gates_that_all_moved_into_one_bin_are_significant() -> None:
    window = counts([220, 0, 0], [[220] + [0] * 10, [0] * 11, [0] * 11])
    # 220 rows are in the first of 11 bins; 20 are expected in each.
    result = layer_p_values(*expected_gates(window, held_out()))
    assert max(result) < 1e-70


def test_millions_of_rows_are_not_significant_because_of_few_held_out_rows() -> None:
    """240 of 2,400 held-out rows are in the first bin, and 12.5 % of the window."""
    shares = np.array([300.0] + [210] * 10)
    held = np.array([240] + [216] * 10)
    p_values = [chi2.sf(two_sample_statistic(shares * size, held), 10) for size in (1, 10, 10_000)]
    assert p_values[0] > p_values[1] > p_values[2] > 0.02


# Labels.


def test_labels_are_compared_by_shares() -> None:
    result = label_p_value(np.array([600, 400]), np.array([200, 800]))
    statistic = two_sample_statistic(np.array([600, 400]), np.array([200, 800]))
    assert result == pytest.approx(chi2.sf(statistic, 1))


def test_rare_labels_are_merged() -> None:
    """Fewer than 5 of 100 rows are expected of each of the last four labels."""
    result = label_p_value(np.array([50, 40, 3, 3, 2, 2]), np.array([600, 350, 20, 15, 10, 5]))
    statistic = two_sample_statistic(np.array([50, 40, 10]), np.array([600, 350, 50]))
    assert result == pytest.approx(chi2.sf(statistic, 2))


def test_a_frequent_label_without_held_out_rows_is_significant() -> None:
    assert label_p_value(np.array([100, 100, 100]), np.array([300, 300, 0])) < 1e-30


def test_equal_shares_of_labels_have_a_p_value_of_1() -> None:
    assert label_p_value(np.array([20, 10, 0]), np.array([200, 100, 0])) == pytest.approx(1)


# Shares.


def test_the_p_value_of_an_excess_is_a_beta_binomial_tail() -> None:
    """2 of 2 rows, and 1 of 2 held-out rows: ∫ x² dx = 1/3."""
    assert excess_p_value(2, 2, 0.5, 2) == pytest.approx(1 / 3)


def test_with_very_many_held_out_rows_it_is_a_binomial_tail() -> None:
    expected = sum(comb(100, k) * 0.01**k * 0.99 ** (100 - k) for k in range(5, 101))
    assert excess_p_value(5, 100, 0.01, 10**9) == pytest.approx(expected, rel=1e-4)


@settings(deadline=None)
@given(
    st.integers(110, 20_000),
    st.floats(0, 1),
    st.sampled_from([0.01, 0.1]),
    st.integers(110, 10_000),
)
def test_the_p_value_of_an_excess_agrees_with_scipy(
    rows: int, part: float, share: float, held: int
) -> None:
    count = int(rows * part)
    result = excess_p_value(count, rows, share, held)
    if count <= share * rows:
        assert result == 1
    else:
        # scipy's own tail is 1 minus the rest, which loses digits.
        tail = np.arange(count, rows + 1)
        expected = np.exp(betabinom.logpmf(tail, rows, share * held, (1 - share) * held)).sum()
        assert result == pytest.approx(expected, rel=1e-6)


def test_a_tail_too_long_to_add_up_is_bounded_from_above() -> None:
    rows, held = 5_000_000, 600
    count = 70_000
    result = excess_p_value(count, rows, 0.01, held)
    # With this many rows the tail is that of the beta distribution of the share.
    assert result == pytest.approx(beta.sf(count / rows, 6, 594), rel=0.01)


def test_without_an_excess_the_p_value_is_1() -> None:
    assert excess_p_value(0, 100, 0.01, 1000) == 1
    assert excess_p_value(1000, 4_000_000, 0.01, 6000) == 1


# The chi-square distribution.


def test_two_degrees_are_an_exponential_distribution() -> None:
    assert chi_square_tail(3.0, 2) == pytest.approx(exp(-1.5), rel=1e-15)


@pytest.mark.parametrize(
    ("value", "degrees", "probability"),
    [(3.841458820694124, 1, 0.05), (16.918977604620448, 9, 0.05), (23.209251158954356, 10, 0.01)],
)
def test_the_tail_agrees_with_textbook_tables(
    value: float, degrees: int, probability: float
) -> None:
    assert chi_square_tail(value, degrees) == pytest.approx(probability, rel=1e-12)


@given(st.floats(0, 1400), st.integers(1, 300))
def test_the_tail_agrees_with_scipy_down_to_1e_300(value: float, degrees: int) -> None:
    expected = chi2.sf(value, degrees)
    if expected > 1e-300:
        assert chi_square_tail(value, degrees) == pytest.approx(expected, rel=1e-9)


def test_a_tail_below_the_smallest_number_is_0() -> None:
    assert chi_square_tail(1e6, 10) == 0
    assert chi_square_tail(1e6, 11) == 0


def test_a_statistic_of_0_and_0_degrees_have_a_tail_of_1() -> None:
    assert chi_square_tail(0, 7) == 1
    assert chi_square_tail(5, 0) == 1
