"""Table rows in JSON: numbers, categories, booleans and missing values, by column name or order."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import simdjson
from numpy.typing import NDArray

from service.contract import Column
from service.errors import InputError
from service.formats.json_documents import kind_of

MAX_LISTED = 10  # names or categories in one message


def decode_table(
    instances: Sequence[Any], columns: tuple[Column, ...], locations: Sequence[str]
) -> NDArray[np.float64]:
    """Read rows as (rows, columns), all in the form of the first.

    A row is an object keyed by column name or a list in the columns' order. A category becomes its
    index, a missing value NaN. A value that does not fit is an `InputError` with its location and
    JSON type; `locations` name the rows.
    """
    first = instances[0]
    by_name = isinstance(first, simdjson.Object)
    if not by_name and not isinstance(first, simdjson.Array):
        raise InputError(
            f"{locations[0]}: expected an object keyed by column name or a list of {len(columns)} "
            f"values, found {kind_of(first)}"
        )
    read = _read_object if by_name else _read_list
    rows = [read(row, columns, at) for row, at in zip(instances, locations, strict=True)]
    values = np.empty((len(rows), len(columns)))
    for j, column in enumerate(columns):
        code = _coder(column)
        key = f".{column.name}" if by_name else f"[{j}]"
        for i, row in enumerate(rows):
            number = code(row[j])
            if number is None:
                raise _mismatch(locations[i] + key, column, row[j])
            values[i, j] = number
    return values


def _read_object(row: Any, columns: tuple[Column, ...], location: str) -> list[Any]:
    """Return an object's values in the columns' order; the last of a repeated name counts."""
    if not isinstance(row, simdjson.Object):
        raise InputError(f"{location}: expected an object like the first row, found {kind_of(row)}")
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


def _coder(column: Column) -> Callable[[Any], float | None]:
    """Return a function from a value of the column to a number, or None for a mismatch."""
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


def _mismatch(location: str, column: Column, value: Any) -> InputError:
    if not column.categories:
        expected = "a number or null"
    elif column.is_boolean:
        expected = "true, false or null"
    else:
        expected = f"one of {_listed(column.categories)} or null"
    unknown = column.categories and isinstance(value, str)
    actual = "another string" if unknown else kind_of(value)
    return InputError(f"{location}: expected {expected} for a missing value, found {actual}")


def _listed(names: Sequence[str]) -> str:
    listed = ", ".join(map(repr, names[:MAX_LISTED]))
    more = len(names) - MAX_LISTED
    return f"{listed} and {more} more" if more > 0 else listed
