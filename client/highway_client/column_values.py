"""Rows of numbers as a model reads them, in the form of JSON: categories by name."""

from collections.abc import Sequence
from math import isnan

from highway_client.description import Column
from highway_client.json_values import FloatArray

Value = float | str | None


def named_values(row: FloatArray, columns: Sequence[Column]) -> dict[str, Value]:
    """Return the values of one row, (columns,), by column; a date stays a number of days."""
    return {
        column.name: _value(number, column)
        for column, number in zip(columns, row.tolist(), strict=True)
    }


def _value(number: float, column: Column) -> Value:
    if isnan(number):
        return None
    return column.categories[int(number)] if column.categories else number
