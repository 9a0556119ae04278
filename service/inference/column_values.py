"""The values of a table's categories and dates, checked whatever form the request has."""

import numpy as np

from service.arrays import FloatArray
from service.contract import FIRST_DAY, LAST_DAY, Column
from service.errors import InputError


class ColumnValues:
    """Checks rows for one model.

    A category is the index of its name, an integer from 0; a date is in the years 1 to 9999. NaN is
    a missing value. Models without categories and dates have nothing to check.
    """

    def __init__(self, columns: tuple[Column, ...]) -> None:
        limited = [column for column in columns if column.categories or column.date is not None]
        self._columns = limited
        self._indices = np.array([columns.index(column) for column in limited], np.intp)
        self._is_date = np.array([[column.date is not None for column in limited]], np.bool_)
        self._has_dates = bool(self._is_date.any())
        ranges = np.array([_range(column) for column in limited], np.float32).reshape(-1, 2)
        self._low = ranges[:, 0].copy().reshape(1, -1)
        self._high = ranges[:, 1].copy().reshape(1, -1)

    def check(self, rows: FloatArray) -> None:
        """Raise an `InputError` that names the row and the column of a value out of range."""
        if not self._columns:
            return
        values = rows.take(self._indices, axis=1)
        nearest = np.trunc(values)
        if self._has_dates:
            np.copyto(nearest, values, where=self._is_date)
        nearest = np.minimum(np.maximum(nearest, self._low), self._high)
        fits = values == nearest
        # Searching for a zero byte takes half the time of `all`.
        if b"\0" not in fits.tobytes():
            return
        fits |= np.isnan(values)
        if b"\0" in fits.tobytes():
            row, index = np.argwhere(~fits)[0].tolist()
            raise _error(row, self._columns[index])


def _range(column: Column) -> tuple[int, int]:
    if column.date is not None:
        return FIRST_DAY, LAST_DAY
    return 0, len(column.categories) - 1


def _error(row: int, column: Column) -> InputError:
    expected = (
        "a date in the years 1 to 9999 as days since 1970-01-01"
        if column.date is not None
        else f"the index of a category, an integer from 0 to {len(column.categories) - 1}"
    )
    return InputError(
        f"row {row}, column {column.name!r}: expected {expected}, or NaN for a missing value, "
        "found another number"
    )
