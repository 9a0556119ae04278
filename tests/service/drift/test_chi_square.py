from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from service.drift.chi_square import survival


def test_two_degrees_are_an_exponential() -> None:
    assert survival(3.0, 2) == pytest.approx(exp(-1.5), rel=1e-15)


@pytest.mark.parametrize(
    ("value", "degrees", "chance"),
    [(3.841458820694124, 1, 0.05), (16.918977604620448, 9, 0.05), (23.209251158954356, 10, 0.01)],
)
def test_the_tables_of_textbooks_agree(value: float, degrees: int, chance: float) -> None:
    assert survival(value, degrees) == pytest.approx(chance, rel=1e-12)


@given(st.floats(0, 1400), st.integers(1, 300))
def test_it_agrees_with_scipy_down_to_1e_300(value: float, degrees: int) -> None:
    expected = chi2.sf(value, degrees)
    if expected > 1e-300:
        assert survival(value, degrees) == pytest.approx(expected, rel=1e-9)


def test_beyond_all_numbers_the_chance_is_0() -> None:
    assert survival(1e6, 10) == 0
    assert survival(1e6, 11) == 0


def test_nothing_found_and_nothing_free_are_certain() -> None:
    assert survival(0, 7) == 1
    assert survival(5, 0) == 1
