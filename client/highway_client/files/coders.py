"""Numbers of a table's text cells, as the model reads them; training reads them the same way."""

import re
from collections.abc import Callable, Iterable, Sequence
from math import nan

from highway_client.description import Column, TextFormat
from highway_client.files.cells import (
    ISO,
    MISSING,
    SPACES,
    boolean,
    days,
    decorated_number,
    number,
)

FLOAT32_MAX = 3.4028234663852886e38
NUMBER = "number"  # a kind that users of `highway train` declare
MAX_LISTED = 10  # names in one message

PLAIN = re.compile("[0-9eE.+-]*+")  # of which `float` reads what `cells.number` reads

Coder = Callable[[str], float]


class CellError(Exception):
    """A cell that does not fit its column; the message says what was expected."""


def coder(column: Column, text: TextFormat) -> Coder:
    """Return a function from a cell to its number; what does not fit is a `CellError`.

    A category becomes its index, a date its days since 1970-01-01, a missing value NaN.
    """
    read = _reader(column, text)
    missing = MISSING | set(text.missing)
    indices = {name: float(index) for index, name in enumerate(column.categories)}

    def code(cell: str) -> float:
        # First: a table in Parquet may have the category "NA".
        index = indices.get(cell)
        if index is not None:
            return index
        if cell in missing or not cell.strip(SPACES):
            return nan
        return read(cell)

    return code


def plain_numbers(cells: Sequence[str]) -> list[float] | None:
    """Return numbers of digits, points and exponents, NaN for empty cells; None for other cells.

    They are those of a `coder` without categories, in a fraction of its time.
    """
    if not PLAIN.fullmatch("".join(cells)):
        return None
    try:
        numbers = [float(cell) if cell else nan for cell in cells]
    except ValueError:
        return None
    # A NaN is never above the bound.
    return None if any(abs(number) > FLOAT32_MAX for number in numbers) else numbers


def listed(values: Iterable[str]) -> str:
    """Return names for a message, the first of many."""
    names = list(map(repr, values))
    more = len(names) - MAX_LISTED
    shown = ", ".join(names[:MAX_LISTED])
    return f"{shown} and {more} more" if more > 0 else shown


def _reader(column: Column, text: TextFormat) -> Coder:
    if column.date is not None:
        return _date_reader(column.date)
    if column.categories:
        return _category_reader(column)
    is_declared = (column.name, NUMBER) in text.columns
    return _number_reader(column.unit, text.decimal, is_declared=is_declared)


def _date_reader(date_format: str) -> Coder:
    expected = "a date of ISO 8601" if date_format == ISO else f"a date as in {date_format!r}"

    def read(cell: str) -> float:
        date = days(cell, date_format)
        if date is None:
            raise CellError(expected)
        return date

    return read


def _category_reader(column: Column) -> Coder:
    expected = f"one of {listed(column.categories)}"

    def read(cell: str) -> float:
        value = boolean(cell) if column.is_boolean else None
        if value is None:
            raise CellError(expected)
        return float(value)  # the index of its word

    return read


def _number_reader(unit: str, decimal: str, *, is_declared: bool) -> Coder:
    def read(cell: str) -> float:
        value = number(cell, decimal)
        if value is None and is_declared:
            decorated = decorated_number(cell, decimal)
            if decorated is not None and decorated[1] not in ("", unit):
                raise CellError(f"a number in the unit {unit!r}" if unit else "a number")
            value = None if decorated is None else decorated[0]
        if value is None:
            raise CellError("a number")
        if abs(value) > FLOAT32_MAX:
            raise CellError(f"a number between ±{FLOAT32_MAX:.2g}")
        return value

    return read
