import pytest

from benchmarks.drift.tails import P_VALUES, critical, tails


def test_the_critical_value_is_that_of_the_tables() -> None:
    assert critical(0.05) == pytest.approx(18.307, abs=1e-3)


def test_the_smaller_statistic_is_not_too_often_large_where_enough_rows_are_held_out() -> None:
    found = tails(draws=40_000)
    assert len(found) == 15
    for tail in found:
        assert tail.p_values == list(P_VALUES)
        assert max(tail.ratios) < (2 if tail.held_out == 110 else 1.2)
    (few,) = [tail for tail in found if (tail.held_out, tail.rows) == (6000, 110)]
    assert few.pearson[-1] > 3  # which is why it is not taken alone
    assert few.likelihood[-1] > 1.5
