"""Rows in JSON: straight into one float32 array."""

from typing import Any

import simdjson

from service.classifier import FloatArray
from service.contract import Input
from service.errors import BodyError, InputError
from service.formats.json_kinds import kind_of
from service.formats.numbers import Numbers, first_fault, read_numbers, row_to_float32, to_float32
from service.formats.tables import decode_table

INSTANCES = "instances"

_NOUNS = ("rows of pixels", "pixels")  # what the lists of a nested image hold, but for the last


def read_instances(body: bytes, value: Any, row: Input, *, max_rows: int) -> FloatArray:
    """Read a list of rows as (rows, features); NaN is a table's missing value.

    An image may come as nested lines of pixels, a table's row as an object by column name. What is
    no list is a `BodyError`, rows that do not fit `row` are an `InputError` that names the place
    and the kind of value. `body` is all the text that `value` is of.
    """
    if not isinstance(value, simdjson.Array):
        raise BodyError(f"{INSTANCES}: expected a list of rows, found {kind_of(value)}")
    count = len(value)
    check_count(count, max_rows, INSTANCES)
    if row.kind == "table":
        places = [f"{INSTANCES}[{i}]" for i in range(count)]
        values = _table(body, value, row, places, (count,))
    else:
        values = _image(body, value, row, _is_nested(value[0]), (count,), INSTANCES)
    return to_float32(values, count, INSTANCES)


def read_instance(body: bytes, value: Any, row: Input, place: str) -> FloatArray:
    """Read one row as (1, features); otherwise as `read_instances`."""
    if row.kind == "table":
        values = _table(body, value, row, [place], ())
    else:
        values = _image(body, value, row, _is_nested(value), (), place)
    return row_to_float32(values, place)


def check_count(count: int, max_rows: int, place: str) -> None:
    """Refuse no rows at all, and more than one request may have."""
    if count == 0:
        raise InputError(f"{place}: expected at least one row, found none")
    if count > max_rows:
        raise InputError(
            f"{place}: expected at most {max_rows} rows, found {count}; send them in parts"
        )


def _table(
    body: bytes, value: Any, row: Input, places: list[str], around: tuple[int, ...]
) -> Numbers:
    """Read rows of numbers alone at once, all others value by value."""
    numeric = not any(column.categories for column in row.columns)
    values = read_numbers(body, value, (*around, *row.shape)) if numeric else None
    if values is None:
        rows = value if around else [value]
        values = decode_table(rows, row.columns, places).reshape(-1)
    return values


def _image(
    body: bytes, value: Any, row: Input, nested: bool, around: tuple[int, ...], place: str
) -> Numbers:
    """Read flat rows, or nested ones; `around` is the shape outside of a row."""
    shape = (*around, *(row.shape if nested else (row.size,)))
    values = read_numbers(body, value, shape)
    if values is None:
        inner = _NOUNS[: len(shape) - len(around) - 1]
        raise first_fault(value, shape, (*("rows" for _ in around), *inner, "numbers"), place)
    return values


def _is_nested(row: Any) -> bool:
    return isinstance(row, simdjson.Array) and len(row) > 0 and isinstance(row[0], simdjson.Array)
