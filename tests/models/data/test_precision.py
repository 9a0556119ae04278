import numpy as np
import pyarrow as pa
import pytest

from models.data.precision import (
    check_decimals,
    check_integers,
    check_magnitude,
    check_spread,
    text_ends,
)
from models.data.remedies import ColumnError
from models.data.strings import Strings


def strings(*cells: str) -> Strings:
    return Strings.of(pa.chunked_array([pa.array(cells, pa.large_string())]), ".")


def test_numbers_up_to_the_bound_are_kept() -> None:
    check_magnitude("t", np.array([1e30, -1e30, np.nan]), str)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        (
            [1, -3e38, 2, -3e38],
            "t, row 2: expected numbers of at most 1e+30, found -3e+38 in 2 rows; if it marks a "
            "missing value, read it with `--missing -3e+38`, else divide the column by a power of "
            "ten",
        ),
        (
            [3e38, -3e38],
            "t, row 1: expected numbers of at most 1e+30, found 3e+38 in 1 row; if it marks a "
            "missing value, read it with `--missing 3e+38,-3e+38`, else divide the column by a "
            "power of ten",
        ),
        (
            [1e31, 2e31, 3e31, 4e31, 5e31, 6e31],
            "t, row 1: expected numbers of at most 1e+30, found 1e+31 in 1 row; divide the column "
            "by a power of ten",
        ),
    ],
)
def test_numbers_that_a_network_cannot_add_up_are_refused(
    numbers: list[float], expected: str
) -> None:
    with pytest.raises(ColumnError) as error:
        check_magnitude("t", np.array(numbers, float), lambda row: f"{numbers[row]:g}")
    assert str(error.value) == expected


@pytest.mark.parametrize(
    ("integers", "pair"),
    [
        ([12345678901234567890, 12345678901234567891], "12345678901234567890 and"),
        ([2**24, 2**24 + 1], "16777216 and 16777217 become equal"),
        ([2**60 + 1, 2**61], "1152921504606846977 and 2305843009213693952 cannot be kept exactly"),
    ],
)
def test_ids_that_float32_merges_are_refused(integers: list[int], pair: str) -> None:
    with pytest.raises(ColumnError) as error:
        check_integers("t", "x", integers)
    assert f"t: the integers {pair}" in str(error.value)
    assert str(error.value.remedy) == "`--exclude x`"


def test_integers_are_kept_if_they_stay_different_or_nearly_all_do() -> None:
    check_integers("t", "x", [2**24, 2**24 - 1])
    check_integers("t", "x", [2**60 + 1])
    check_integers("t", "x", [n * 10**7 for n in range(1000)] + [3 * 10**7 + 1])


def test_numbers_that_float32_cannot_tell_apart_are_refused() -> None:
    with pytest.raises(ColumnError) as error:
        check_spread("t", "x", np.array([1e6 + 0.001, 1e6 + 0.002]), lambda: ("low", "high"))
    assert str(error.value) == (
        "t: numbers from low to high are too close together for float32; subtract the lowest, or "
        "leave the column out with `--exclude x`"
    )
    check_spread("t", "x", np.array([1e6 + 0.001] * 2), lambda: ("1000000.001",))
    check_spread("t", "x", np.array([1.1e-13, 2.2e-13]), lambda: ("low", "high"))


@pytest.mark.parametrize("cells", [("1.10", "1.1"), ("0.5", "1.0", "0.50")])
def test_two_strings_of_one_decimal_number_are_refused(cells: tuple[str, ...]) -> None:
    column = strings(*cells)
    with pytest.raises(ColumnError) as error:
        check_decimals("t", "x", column, column.values())
    assert str(error.value) == (
        f"t, row {len(cells)}: found {cells[-1]!r} and {cells[0]!r}, which are one number but two "
        "codes; read numbers with `--column x=number`, or codes with `--column x=category`"
    )


@pytest.mark.parametrize("cells", [("1", "1.0"), ("1.0", "+1.0"), ("1.10", "1.20"), ("1e1", "10")])
def test_other_strings_of_one_number_are_kept(cells: tuple[str, ...]) -> None:
    column = strings(*cells)
    check_decimals("t", "x", column, column.values())


def test_the_ends_of_strings_are_exact() -> None:
    assert text_ends(strings("2.5", "12345678901234567890.5", "-1")) == (
        "-1",
        "12345678901234567890.5",
    )
    assert text_ends(strings("5", "5.0")) == ("5",)
