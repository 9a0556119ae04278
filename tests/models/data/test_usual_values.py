import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.data.usual_values import LEVELS, usual_values
from service.baselines import MAX_USUAL_VALUES
from service.contract import Column, Input

NUMBER = Column(name="age")
GREY, COLOUR = (Input(kind="image", shape=shape, unit="pixel") for shape in ((1, 2), (1, 2, 3)))


def table(*columns: Column) -> Input:
    return Input(kind="table", shape=(len(columns),), unit="value", columns=columns)


def category(count: int) -> Column:
    return Column(name="job", categories=tuple(map(str, range(count))))


def column_of(*values: float) -> np.ndarray:
    return np.array(values, np.float32)[:, None]


def test_a_number_has_the_median_and_further_quantiles() -> None:
    baseline = usual_values(table(NUMBER), column_of(*range(1, 21)))
    assert baseline.usual == [10.0]
    assert baseline.values == [[2.0, 5.0, 10.0, 15.0, 18.0]]
    assert baseline.missing == [False]


def test_a_category_has_the_most_frequent_one_and_all_that_are_not_rare() -> None:
    rows = column_of(*[2] * 120, *[0] * 60, *[1] * 19, 3)  # the last in one row of 200
    baseline = usual_values(table(category(4)), rows)
    assert baseline.usual == [2.0]
    assert baseline.values == [[0.0, 1.0, 2.0]]


def test_at_most_sixteen_categories_are_usual() -> None:
    rows = column_of(*np.arange(20).repeat(np.arange(20, 0, -1)))
    (values,) = usual_values(table(category(20)), rows).values
    assert values == list(range(MAX_USUAL_VALUES))


def test_missing_values_are_counted_out_and_noted() -> None:
    baseline = usual_values(table(NUMBER), column_of(1.0, np.nan, 3.0, 5.0))
    assert (baseline.usual, baseline.missing) == ([3.0], [True])


def test_a_column_without_any_value_has_zero_and_no_further_ones() -> None:
    rows = np.full((3, 2), np.nan, np.float32)
    baseline = usual_values(table(NUMBER, category(2)), rows)
    assert (baseline.usual, baseline.values) == ([0.0, 0.0], [[], []])


def test_a_grey_image_has_the_median_of_all_pixels() -> None:
    baseline = usual_values(GREY, np.array([[0, 9], [4, 8], [0, 0]], np.float32))
    assert (baseline.usual, baseline.values, baseline.missing) == ([0.0], [], [])


def test_an_image_in_colour_has_the_median_of_each_channel() -> None:
    pixels = np.array([[1, 20, 0, 3, 40, 0], [5, 60, 9, 7, 80, 9]], np.float32)
    assert usual_values(COLOUR, pixels).usual == [3.0, 40.0, 0.0]


@given(arrays(np.float32, st.integers(1, 60), elements=st.floats(-1e6, 1e6, width=32)))
def test_usual_numbers_are_values_of_the_rows_in_rising_order(column: np.ndarray) -> None:
    baseline = usual_values(table(NUMBER), column[:, None])
    (values,) = baseline.values
    assert {*values, *baseline.usual} <= set(column.tolist())
    assert values == sorted(set(values))
    assert baseline.usual[0] in values
    assert len(values) <= len(LEVELS)
    assert (column <= baseline.usual[0]).mean() >= 0.5


@given(arrays(np.int64, st.integers(1, 60), elements=st.integers(0, 5)))
def test_usual_categories_are_those_of_most_rows(column: np.ndarray) -> None:
    baseline = usual_values(table(category(6)), column[:, None].astype(np.float32))
    counts = np.bincount(column, minlength=6)
    assert counts[int(baseline.usual[0])] == counts.max()
    assert baseline.values == [np.flatnonzero(counts).tolist()]
