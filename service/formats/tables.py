"""A table's rows as the table has them: numbers, categories, truth values and missing ones."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import simdjson
from numpy.typing import NDArray

from service.contract import Column
from service.errors import InputError
from service.formats.json_kinds import kind_of

TRUTH = ("false", "true")
MOST_LISTED = 10  # names or categories in one sentence


def decode_table(
    instances: Sequence[Any], columns: tuple[Column, ...], places: Sequence[str]
) -> NDArray[np.float64]:
    """Read rows by column name, or as lists in the order of the columns, as (rows, columns).

    All have the form of the first. A category becomes its index, a missing value NaN. What does
    not fit is an `InputError` with its place and the kind of value; `places` name the rows.
    """
    first = instances[0]
    by_name = isinstance(first, simdjson.Object)
    if not by_name and not isinstance(first, simdjson.Array):
        raise InputError(
            f"{places[0]}: expected an object by column name or a list of {len(columns)} values, "
            f"found {kind_of(first)}"
        )
    read = _by_name if by_name else _in_order
    rows = [read(row, columns, place) for row, place in zip(instances, places, strict=True)]
    values = np.empty((len(rows), len(columns)))
    for j, column in enumerate(columns):
        code = _coder(column)
        step = f".{column.name}" if by_name else f"[{j}]"
        for i, row in enumerate(rows):
            number = code(row[j])
            if number is None:
                raise _misfit(places[i] + step, column, row[j])
            values[i, j] = number
    return values


def _by_name(row: Any, columns: tuple[Column, ...], place: str) -> list[Any]:
    """Put an object's values in the order of the columns; of a name given twice the last counts."""
    if not isinstance(row, simdjson.Object):
        raise InputError(f"{place}: expected an object as the first row is, found {kind_of(row)}")
    values = dict(row.items())
    names = [column.name for column in columns]
    missing = next((name for name in names if name not in values), None)
    if missing is not None:
        raise InputError(
            f"{place}: expected a value for the column {missing!r}, found none; send null for a "
            "missing value"
        )
    if len(values) > len(names):
        raise InputError(
            f"{place}: expected only the columns {_listed(names)}, found a column that the model "
            "does not have; leave it out"
        )
    return [values[name] for name in names]


def _in_order(row: Any, columns: tuple[Column, ...], place: str) -> list[Any]:
    if not isinstance(row, simdjson.Array):
        raise InputError(f"{place}: expected a list as the first row is, found {kind_of(row)}")
    if len(row) != len(columns):
        raise InputError(
            f"{place}: expected a list of {len(columns)} values, found one of {len(row)}"
        )
    return list(row)


def _coder(column: Column) -> Callable[[Any], float | None]:
    """Return what turns a value of the column into a number, or into None where it does not fit."""
    if not column.categories:
        return _number
    codes: dict[object, float] = {name: float(i) for i, name in enumerate(column.categories)}
    codes[None] = math.nan
    if column.categories == TRUTH:
        codes |= {False: 0.0, True: 1.0}

    def code(value: Any) -> float | None:
        # Numbers stay out, for 1 would find what True has; lists and objects have no hash.
        return codes.get(value) if value is None or isinstance(value, str | bool) else None

    return code


def _number(value: Any) -> float | None:
    if value is None:
        return math.nan
    # bool is an int to Python.
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _misfit(place: str, column: Column, value: Any) -> InputError:
    if not column.categories:
        expected = "a number"
    elif column.categories == TRUTH:
        expected = "true, false"
    else:
        expected = f"one of {_listed(column.categories)}"
    other = column.categories and isinstance(value, str)
    found = "another string" if other else kind_of(value)
    return InputError(f"{place}: expected {expected} or null for a missing value, found {found}")


def _listed(texts: Sequence[str]) -> str:
    listed = ", ".join(map(repr, texts[:MOST_LISTED]))
    more = len(texts) - MOST_LISTED
    return f"{listed} and {more} more" if more > 0 else listed
