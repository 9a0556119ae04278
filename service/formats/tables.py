"""Table rows in JSON: numbers, categories, dates and missing values, by column name or order."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import simdjson
from numpy.typing import NDArray

from service.contract import ISO, Column
from service.errors import InputError
from service.formats.dates import days, iso_date
from service.formats.json_documents import MAX_MEMBERS, kind_of

MAX_LISTED = 10  # names or categories in one message
EXACT = 1 << 24  # integers beyond it are not exact in float32


def decode_table(
    instances: Iterable[Any],
    columns: tuple[Column, ...],
    locations: Sequence[str],
    *,
    by_name: bool | None = None,
) -> NDArray[np.float64]:
    """Read rows as (rows, columns), all `by_name`, by default in the form of the first.

    A row is an object keyed by column name or a list in the columns' order. A category becomes its
    index, a date its days since 1970-01-01, a missing value NaN. A value that does not fit is an
    `InputError` with its location and JSON type; `locations` name the rows.
    """
    rows = zip(instances, locations, strict=True)
    coders = _coders(columns)
    values = np.empty((len(locations), len(columns)))
    for i, (row, location) in enumerate(rows):
        if by_name is None:
            by_name = isinstance(row, simdjson.Object)
        if i == 0 and not isinstance(row, simdjson.Object | simdjson.Array):
            raise InputError(
                f"{location}: expected an object keyed by column name or a list of {len(columns)} "
                f"values, found {kind_of(row)}"
            )
        cells = (_read_object if by_name else _read_list)(row, columns, location)
        numbers = [code(cell) for code, cell in zip(coders, cells, strict=True)]
        if None in numbers:
            j = numbers.index(None)
            key = f".{columns[j].name}" if by_name else f"[{j}]"
            raise _mismatch(location + key, columns[j], cells[j])
        values[i] = numbers
    return values


def shown_value(column: Column, value: float) -> float | int | str | None:
    """Return a number of a column as a row in JSON has it.

    A category has its name, a date is in ISO 8601, and a missing value is None.
    """
    if math.isnan(value):
        return None
    if column.categories:
        return column.categories[int(value)]
    if column.date is not None and (date := iso_date(value)):
        return date
    return (
        int(value) if value.is_integer() and abs(value) < EXACT else float(str(np.float32(value)))
    )


def _read_object(row: Any, columns: tuple[Column, ...], location: str) -> list[Any]:
    """Return an object's values in the columns' order; the last of a repeated name counts."""
    if not isinstance(row, simdjson.Object):
        raise InputError(f"{location}: expected an object like the first row, found {kind_of(row)}")
    if len(row) > len(columns) + MAX_MEMBERS:
        raise InputError(
            f"{location}: expected an object of {len(columns)} columns, found one of {len(row)} "
            "members"
        )
    values = dict(row.items())
    names = [column.name for column in columns]
    missing = next((name for name in names if name not in values), None)
    if missing is not None:
        raise InputError(
            f"{location}: the column {missing!r} is missing; send null for a missing value"
        )
    if len(values) > len(names):
        raise InputError(
            f"{location}: expected only the columns {_listed(names)}, found an unknown column; "
            "remove it"
        )
    return [values[name] for name in names]


def _read_list(row: Any, columns: tuple[Column, ...], location: str) -> list[Any]:
    if not isinstance(row, simdjson.Array):
        raise InputError(f"{location}: expected a list like the first row, found {kind_of(row)}")
    if len(row) != len(columns):
        raise InputError(
            f"{location}: expected a list of {len(columns)} values, found one of {len(row)}"
        )
    return list(row)


@lru_cache(8)
def _coders(columns: tuple[Column, ...]) -> tuple[Callable[[Any], float | None], ...]:
    return tuple(_coder(column) for column in columns)


def _coder(column: Column) -> Callable[[Any], float | None]:
    """Return a function from a value of the column to a number, or None for a mismatch."""
    if column.date is not None:
        return partial(_date, column.date)
    if not column.categories:
        return _number
    codes: dict[object, float] = {name: float(i) for i, name in enumerate(column.categories)}
    codes[None] = math.nan
    if column.is_boolean:
        codes |= {False: 0.0, True: 1.0}

    def code(value: Any) -> float | None:
        # Numbers are excluded since 1 is the same key as True; lists and objects have no hash.
        return codes.get(value) if value is None or isinstance(value, str | bool) else None

    return code


def _number(value: Any) -> float | None:
    if value is None:
        return math.nan
    # bool is an int to Python.
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _date(date_format: str, value: Any) -> float | None:
    return days(value, date_format) if isinstance(value, str) else _number(value)


def _mismatch(location: str, column: Column, value: Any) -> InputError:
    if column.date is not None:
        form = "" if column.date == ISO else f" or as {column.date!r}"
        expected = f"a date in ISO 8601{form}, the days since 1970-01-01 or null"
    elif not column.categories:
        expected = "a number or null"
    elif column.is_boolean:
        expected = "true, false or null"
    else:
        expected = f"one of {_listed(column.categories)} or null"
    unknown = (column.categories or column.date is not None) and isinstance(value, str)
    actual = "another string" if unknown else kind_of(value)
    return InputError(f"{location}: expected {expected} for a missing value, found {actual}")


def _listed(names: Sequence[str]) -> str:
    listed = ", ".join(map(repr, names[:MAX_LISTED]))
    more = len(names) - MAX_LISTED
    return f"{listed} and {more} more" if more > 0 else listed
