from math import comb, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, betabinom, chi2

from service.drift.baseline import BINS
from service.drift.distances import (
    difference,
    excess_p_value,
    expected_gates,
    label_p_value,
    layer_p_values,
    population_stability,
)
from service.drift.slots import Tallied
from tests.service.drift.conftest import held_out

counts = st.lists(st.integers(0, 1000), min_size=4, max_size=4).map(np.array)


def tallied(labels: list[int], bins: list[list[int]]) -> Tallied:
    """Rows of each label and, in both layers alike, their bins."""
    both = np.array(bins)[:, None, :].repeat(2, axis=1)
    return Tallied(unusual=np.zeros(2, int), labels=np.array(labels), counts=both)


# Population stability.


def test_the_stability_index_is_that_of_the_smoothed_shares() -> None:
    p, q = (3.5 / 5, 1.5 / 5), (1.5 / 5, 3.5 / 5)
    expected = (p[0] - q[0]) * log(p[0] / q[0]) + (p[1] - q[1]) * log(p[1] / q[1])
    found = population_stability(np.array([3, 1]), np.array([1, 3]))
    assert float(found) == pytest.approx(expected)


@given(counts, counts)
def test_the_stability_index_is_never_below_0_nor_infinite(
    one: np.ndarray, two: np.ndarray
) -> None:
    assert 0 <= population_stability(one, two) < np.inf
    assert population_stability(one, one) == 0


# Two samples.


def test_the_difference_is_the_smaller_of_two_statistics() -> None:
    # Of 10 and 10 rows 6 and 2 are in the first bin: 4 of each are expected, and 6 in the other.
    pearson = 4 * (2 * 2) / 4 / 2 + 4 * (2 * 2) / 6 / 2
    likelihood = 2 * (6 * log(6 / 4) + 4 * log(4 / 6) + 2 * log(2 / 4) + 8 * log(8 / 6))
    found = difference(np.array([6, 4]), np.array([2, 8]))
    assert pearson == pytest.approx(10 / 3)
    assert likelihood == pytest.approx(3.4522, abs=1e-4)
    assert float(found) == pytest.approx(10 / 3)


def test_bins_that_are_empty_in_both_differ_by_nothing() -> None:
    with_empty = difference(np.array([6, 4, 0]), np.array([2, 8, 0]))
    assert float(with_empty) == pytest.approx(10 / 3)


def test_rows_without_a_bin_in_common_differ_by_all() -> None:
    assert difference(np.array([10, 0]), np.array([0, 10])) == pytest.approx(20)


@given(counts, counts)
def test_the_difference_is_that_of_either_order_and_0_of_equal_shares(
    one: np.ndarray, two: np.ndarray
) -> None:
    if one.sum() and two.sum():
        assert difference(one, two) == pytest.approx(difference(two, one), abs=1e-9)
        assert difference(one, 3 * one) == pytest.approx(0, abs=1e-9)


# Gates.


def test_gates_are_expected_as_held_out_for_the_labels_of_the_window() -> None:
    """Label a has its 220 rows in bin 0, b its 110 in bin 1; the window has as many of both."""
    first, second = [220] + [0] * 10, [0, 110] + [0] * 9
    base = held_out(counts=[[first] * 2, [second] * 2, [[0] * BINS] * 2])
    window = tallied([300, 300, 0], [[300] + [0] * 10, [0, 300] + [0] * 9, [0] * BINS])
    found, expected = expected_gates(window, base)
    assert found[0].tolist() == [300, 300] + [0] * 9
    # As telling as 600² / (300² / 220 + 300² / 110) rows without weights.
    assert expected[1].tolist() == pytest.approx([880 / 3 / 2] * 2 + [0] * 9)
    assert layer_p_values(found, expected) == [1, 1]


def test_another_mix_of_labels_moves_no_layer_but_the_labels() -> None:
    """Each label has bins of its own; the mix goes from 2 to 1 to 1 to 9."""
    first, second = [20] * 11, [110] + [0] * 10
    base = held_out(counts=[[first] * 2, [second] * 2, [[0] * BINS] * 2])
    window = tallied([110, 990, 0], [[10] * 11, [990] + [0] * 10, [0] * 11])
    assert min(layer_p_values(*expected_gates(window, base))) == pytest.approx(1)
    assert label_p_value(window.labels, base.predicted) < 1e-90


def test_rows_of_a_label_that_no_held_out_row_has_move_no_layer() -> None:
    window = tallied([0, 0, 50], [[0] * 11, [0] * 11, [50] + [0] * 10])
    found, expected = expected_gates(window, held_out())
    assert not found.any()
    assert layer_p_values(found, expected) == [1, 1]


def test_gates_that_all_moved_into_one_bin_are_told() -> None:
    window = tallied([220, 0, 0], [[220] + [0] * 10, [0] * 11, [0] * 11])
    # 220 rows in the first of 11 bins beside 20 in each.
    found = layer_p_values(*expected_gates(window, held_out()))
    assert max(found) < 1e-70


def test_a_window_of_millions_is_not_held_against_the_chance_of_few_held_out_rows() -> None:
    """Held out 240 of 2,400 rows were in the first bin; 300 were by no more than 5 % more."""
    shares = np.array([300.0] + [210] * 10)
    held = np.array([240] + [216] * 10)
    p_values = [chi2.sf(difference(shares * size, held), 10) for size in (1, 10, 10_000)]
    assert p_values[0] > p_values[1] > p_values[2] > 0.02


# Labels.


def test_labels_are_compared_by_shares() -> None:
    found = label_p_value(np.array([600, 400]), np.array([200, 800]))
    statistic = difference(np.array([600, 400]), np.array([200, 800]))
    assert found == pytest.approx(chi2.sf(statistic, 1))


def test_rare_labels_count_together() -> None:
    """Of 100 rows less than 5 of each of the last four are expected: together they are one."""
    found = label_p_value(np.array([50, 40, 3, 3, 2, 2]), np.array([600, 350, 20, 15, 10, 5]))
    statistic = difference(np.array([50, 40, 10]), np.array([600, 350, 50]))
    assert found == pytest.approx(chi2.sf(statistic, 2))


def test_a_label_that_was_never_held_out_is_told_when_it_comes_often() -> None:
    assert label_p_value(np.array([100, 100, 100]), np.array([300, 300, 0])) < 1e-30


def test_labels_in_equal_shares_differ_by_nothing() -> None:
    assert label_p_value(np.array([20, 10, 0]), np.array([200, 100, 0])) == pytest.approx(1)


# Shares.


def test_the_excess_has_the_chance_of_a_beta_binomial_tail() -> None:
    """Of 2 rows both, where 1 of 2 held-out ones was: ∫ x² dx = 1/3."""
    assert excess_p_value(2, 2, 0.5, 2) == pytest.approx(1 / 3)


def test_with_endless_held_out_rows_it_is_binomial() -> None:
    expected = sum(comb(100, k) * 0.01**k * 0.99 ** (100 - k) for k in range(5, 101))
    assert excess_p_value(5, 100, 0.01, 10**9) == pytest.approx(expected, rel=1e-4)


@settings(deadline=None)
@given(
    st.integers(110, 20_000),
    st.floats(0, 1),
    st.sampled_from([0.01, 0.1]),
    st.integers(110, 10_000),
)
def test_the_excess_agrees_with_scipy(rows: int, part: float, share: float, held: int) -> None:
    count = int(rows * part)
    found = excess_p_value(count, rows, share, held)
    if count <= share * rows:
        assert found == 1
    else:
        # Its own tail is 1 minus the rest, which loses the digits.
        tail = np.arange(count, rows + 1)
        expected = np.exp(betabinom.logpmf(tail, rows, share * held, (1 - share) * held)).sum()
        assert found == pytest.approx(expected, rel=1e-6)


def test_a_tail_too_long_to_add_up_is_bounded_from_above() -> None:
    rows, held = 5_000_000, 600
    count = 70_000
    found = excess_p_value(count, rows, 0.01, held)
    # So many rows tell the share itself, which a beta distribution has.
    assert found == pytest.approx(beta.sf(count / rows, 6, 594), rel=0.01)


def test_no_excess_is_certain() -> None:
    assert excess_p_value(0, 100, 0.01, 1000) == 1
    assert excess_p_value(1000, 4_000_000, 0.01, 6000) == 1
