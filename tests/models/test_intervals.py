import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.intervals import accuracy_interval, change_interval


def test_an_accuracy_has_wilsons_score_interval() -> None:
    # 80 of 100: (0.80 + 0.0192 ± 0.0775) / 1.0384, from Wilson's formula with z = 1.96
    assert accuracy_interval(0.8, 100) == pytest.approx((0.7112, 0.8666), abs=1e-4)


def test_the_interval_of_a_change_matches_a_hand_calculation() -> None:
    # 2 rows gained and 9 lost of 98: change −7/100, spread sqrt(12/100 − 0.0049) / 10
    low, high = change_interval(gained=2, lost=9, rows=98)
    assert (low, high) == pytest.approx((-0.07 - 1.96 * 0.03393, -0.07 + 1.96 * 0.03393), abs=1e-4)


def test_a_change_of_no_row_has_an_interval_around_zero() -> None:
    low, high = change_interval(gained=0, lost=0, rows=100)
    assert low == -high
    assert 0 < high < 0.02


@given(st.integers(1, 1000), st.data())
def test_the_interval_of_a_change_contains_no_impossible_value(
    rows: int, data: st.DataObject
) -> None:
    gained = data.draw(st.integers(0, rows))
    lost = data.draw(st.integers(0, rows - gained))
    low, high = change_interval(gained, lost, rows)
    assert -1 <= low < high <= 1
    assert change_interval(lost, gained, rows) == pytest.approx((-high, -low))
