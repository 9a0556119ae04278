"""Categories and dates that a model's rows can have."""

import numpy as np
import pytest

from service.contract import Column
from service.errors import InputError
from service.inference.column_values import ColumnValues

AGE = Column(name="age")
JOB = Column(name="job", categories=("nurse", "teacher", "pilot"))
WHEN = Column(name="when", date="iso")
COLUMNS = ColumnValues((JOB, AGE, WHEN))


def rows(*values: tuple[float, float, float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array(values, np.float32)


def test_indices_of_categories_dates_and_missing_values_are_allowed() -> None:
    COLUMNS.check(rows((0, 57.5, 20000.25), (2, -1, -719162), (np.nan, np.nan, np.nan)))
    COLUMNS.check(rows((-0.0, 1e30, 2932896)))


@pytest.mark.parametrize("value", [57, 3, -1, 1.5, 1e-3, np.inf, -np.inf])
def test_other_categories_are_refused_with_row_and_column(value: float) -> None:
    with pytest.raises(InputError) as caught:
        COLUMNS.check(rows((1, 0, 0), (np.nan, 0, 0), (value, 0, 0)))
    assert str(caught.value) == (
        "row 2, column 'job': expected the index of a category, an integer from 0 to 2, or NaN for "
        "a missing value, found another number"
    )


@pytest.mark.parametrize("value", [-719163, 2932898, 1e9, -np.inf])
def test_dates_outside_the_years_1_to_9999_are_refused(value: float) -> None:
    with pytest.raises(InputError) as caught:
        COLUMNS.check(rows((1, 0, value)))
    assert str(caught.value) == (
        "row 0, column 'when': expected a date in the years 1 to 9999 as days since 1970-01-01, or "
        "NaN for a missing value, found another number"
    )


def test_numbers_alone_are_not_limited() -> None:
    ColumnValues((AGE,)).check(np.array([[57.5], [-1e30]], np.float32))
    ColumnValues(()).check(np.array([[57.5], [-1e30]], np.float32))
