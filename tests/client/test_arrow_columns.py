from datetime import UTC, date, datetime
from decimal import Decimal
from math import nan
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from highway_client.arrow_columns import ColumnError, encode_columns
from highway_client.description import Column, TextFormat

AGE = Column(name="age")
JOB = Column(name="job", categories=("nurse", "pilot"))
MEMBER = Column(name="member", categories=("false", "true"))
CODE = Column(name="code", categories=("7", "12"))
DAY = Column(name="day", date="iso")
PLAIN = TextFormat()


def encoded(values: pa.Array, column: Column, text: TextFormat = PLAIN) -> list[float]:
    matrix = encode_columns([pa.chunked_array([values])], [column], text)
    assert matrix.dtype == np.float32
    numbers: list[float] = matrix[:, 0].tolist()
    return numbers


@pytest.mark.parametrize(
    ("values", "column", "numbers"),
    [
        (pa.array([41, None]), AGE, [41, nan]),
        (pa.array([1.5, nan]), AGE, [1.5, nan]),
        (pa.array([1.5, None], pa.float16()), AGE, [1.5, nan]),
        (pa.array([Decimal("0.25"), None]), AGE, [0.25, nan]),
        (pa.array([" 3e1 ", "NA", ""]), AGE, [30, nan, nan]),
        (pa.array([None, None]), AGE, [nan, nan]),
        (pa.array(["pilot", None, " nurse"]), JOB, [1, nan, 0]),
        (pa.array(["pilot", None], pa.string_view()), JOB, [1, nan]),
        (pa.array(["pilot", None, "nurse"]).dictionary_encode(), JOB, [1, nan, 0]),
        (pa.array([True, None, False]), MEMBER, [1, nan, 0]),
        (pa.array(["TRUE", "0", None]), MEMBER, [1, 0, nan]),
        (pa.array([1, 0, None]), MEMBER, [1, 0, nan]),
        (pa.array([1.0, 0.0, nan]), MEMBER, [1, 0, nan]),
        (pa.array([12, 7, None]), CODE, [1, 0, nan]),
        (pa.array([12.0, nan]), CODE, [1, nan]),
        (pa.array([date(1970, 1, 3), None]), DAY, [2, nan]),
        (pa.array([datetime(1970, 1, 1, 12)], pa.timestamp("ns")), DAY, [0.5]),
        (pa.array([datetime(1970, 1, 1, 6, tzinfo=UTC)], pa.timestamp("s", "Asia/Tokyo")), DAY,
         [0.25]),
        (pa.array([86_400_000], pa.date64()), DAY, [1]),
        (pa.array(["1970-01-03", None]), DAY, [2, nan]),
    ],
)  # fmt: skip
def test_a_column_becomes_the_models_numbers(
    values: pa.Array, column: Column, numbers: list[float]
) -> None:
    np.testing.assert_array_equal(encoded(values, column), np.array(numbers, np.float32))


def test_a_dictionary_of_string_views_is_read() -> None:
    indices, values = pa.array([1, None, 0], pa.uint32()), pa.array(["nurse", "pilot"])
    view = pa.DictionaryArray.from_arrays(indices, values.cast(pa.string_view()))
    assert encoded(view, JOB)[0] == 1


def test_declared_marks_are_missing_values_also_as_numbers() -> None:
    text = TextFormat(missing=("-", "-999", "nan"))
    assert np.isnan(encoded(pa.array(["-", "-999"]), AGE, text)).all()
    np.testing.assert_array_equal(encoded(pa.array([-999, 5]), AGE, text), [nan, 5])


def test_spaces_are_kept_if_training_kept_them() -> None:
    with pytest.raises(ColumnError, match="found ' nurse'"):
        encoded(pa.array([" nurse"]), JOB, TextFormat(keep_spaces=True))


@pytest.mark.parametrize(
    ("values", "column", "row", "reason"),
    [
        (pa.array([1, float("inf")]), AGE, 1, "expected a number within float32's range or a "
         "missing value, found inf"),
        (pa.array([-1e39]), AGE, 0, "expected a number within float32's range or a missing value, "
         "found -1e+39"),
        (pa.array(["1", None, "old"]), AGE, 2, "expected a number, found 'old'"),
        (pa.array([True]), AGE, None, "expected numbers, found booleans"),
        (pa.array([date(2026, 1, 1)]), AGE, None, "expected numbers, found dates"),
        (pa.array(["nurse", "cook"]), JOB, 1, "expected one of 'nurse', 'pilot', found 'cook'"),
        (pa.array([date(2026, 1, 1)]), JOB, None, "expected one of 'nurse', 'pilot', found dates"),
        (pa.array([True]), JOB, 0, "expected one of 'nurse', 'pilot', found 'true'"),
        (pa.array([None, 1, 2]), MEMBER, 1, "expected one of 'false', 'true', found '1'"),
        (pa.array([date(2026, 1, 1)]), MEMBER, None, "expected booleans, found dates"),
        (pa.array([7, 1.5]), CODE, 1, "expected categories as strings or integers, found 1.5"),
        (pa.array([20_000]), DAY, None, "expected dates, found int64"),
        (pa.array([False]), DAY, None, "expected dates, found booleans"),
        (pa.array(["1/2"]), DAY, 0, "expected a date of ISO 8601, found '1/2'"),
        (pa.array([2**50], pa.timestamp("s")), DAY, 0, "expected a date in the years 1 to 9999, "
         "found 13031248922 days since 1970-01-01"),
        (pa.array([[1]]), AGE, None, "expected numbers, strings, booleans or dates, found "
         "list<item: int64>"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_an_error_with_its_row(
    values: pa.Array, column: Column, row: int | None, reason: str
) -> None:
    with pytest.raises(ColumnError) as caught:
        encoded(values, column)
    assert (caught.value.column, caught.value.row) == (column.name, row)
    assert str(caught.value) == reason


def test_the_columns_are_in_the_models_order_and_chunks_are_joined() -> None:
    ages = pa.chunked_array([pa.array([1]), pa.array([2])])
    jobs: Any = pa.chunked_array([["pilot", "nurse"]])
    assert encode_columns([jobs, ages], [JOB, AGE], PLAIN).tolist() == [[1, 1], [0, 2]]
