import pytest

from benchmarks.drift.tails import P_VALUES, critical, tails


def test_the_critical_value_agrees_with_textbook_tables() -> None:
    assert critical(0.05) == pytest.approx(18.307, abs=1e-3)


def test_the_smaller_statistic_has_right_tails_with_enough_held_out_rows() -> None:
    measured = tails(draws=40_000)
    assert len(measured) == 15
    for tail in measured:
        assert tail.p_values == list(P_VALUES)
        assert max(tail.ratios) < (2 if tail.held_out == 110 else 1.2)
    (few,) = [tail for tail in measured if (tail.held_out, tail.rows) == (6000, 110)]
    assert few.pearson[-1] > 3  # so it is not used alone
    assert few.likelihood[-1] > 1.5
