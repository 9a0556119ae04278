"""Rows in JSON, flat or nested lists of numbers, read into one float32 array."""

import math
from typing import Any

import numpy as np
import simdjson
from numpy.typing import NDArray

from service.arrays import FloatArray
from service.contract import Input
from service.errors import BodyError, InputError
from service.formats.json_documents import kind_of
from service.formats.tables import decode_table

INSTANCES = "instances"

BLOCK = 500  # numbers; see `_narrow`
MAX_IN_BLOCKS = 4 * BLOCK

Numbers = NDArray[np.float64]

_IMAGE_ITEMS = ("rows of pixels", "pixels")  # of a nested image's lists, except the innermost


def read_instances(body: bytes, value: Any, row: Input, *, max_rows: int) -> FloatArray:
    """Read a list of rows as (rows, features); NaN is a table's missing value.

    An image may be nested rows of pixels, a table's row an object keyed by column name. A value
    that is not a list is a `BodyError`; rows that do not fit `row` are an `InputError` that names
    the row and the JSON type found. `body` is the text of which `value` is a part.
    """
    if not isinstance(value, simdjson.Array):
        raise BodyError(f"{INSTANCES}: expected a list of rows, found {kind_of(value)}")
    count = len(value)
    check_count(count, max_rows, INSTANCES)
    return to_float32(_read(body, value, row, (count,), INSTANCES), count, INSTANCES)


def read_instance(body: bytes, value: Any, row: Input, location: str) -> FloatArray:
    """Read one row as (1, features); errors as in `read_instances`."""
    values = _narrow(_read(body, value, row, (), location)).reshape(1, -1)
    if first_not_finite(values, allow_nan=True) is not None:
        raise _overflow(location)
    return values


def check_count(count: int, max_rows: int, location: str) -> None:
    """Reject an empty request, and one of more than `max_rows` rows."""
    if count == 0:
        raise InputError(f"{location}: expected at least one row, found none")
    if count > max_rows:
        raise InputError(
            f"{location}: expected at most {max_rows} rows, found {count}; send them in parts"
        )


def read_numbers(
    text: bytes, array: simdjson.Array, shape: tuple[int, ...], *, lists_around: int = 0
) -> Numbers | None:
    """Return all numbers of `array`, flat, or None if it is not numbers nested by `shape`.

    `lists_around` is the number of lists that `text` has in addition to those of `array`.
    """
    if not _has_shape(array, shape):
        return None
    try:
        values = np.frombuffer(array.as_buffer(of_type="d"))
    except TypeError:  # a value is neither a number nor a list
        return None
    # The buffer is flat: only its bracket reveals a list where a number belongs.
    lists = lists_around + sum(math.prod(shape[:axis]) for axis in range(len(shape)))
    if not _has_brackets(text, lists) and not _is_flat(array, len(shape)):
        return None
    return values if len(values) == math.prod(shape) else None


def read_nullable_numbers(array: simdjson.Array, shape: tuple[int, ...]) -> Numbers | None:
    """Read numbers one by one, null as NaN; None if any other value is among them."""
    if not _has_shape(array, shape):
        return None
    rows: Any = array if len(shape) > 1 else [array]
    values = [math.nan if value is None else value for row in rows for value in row]
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    return np.array(values, np.float64) if numeric else None


def first_mismatch(
    array: simdjson.Array, shape: tuple[int, ...], items: tuple[str, ...], location: str
) -> InputError:
    """Describe the first value that does not fit `shape`; only rejected requests pay for this.

    `items` name the items of the lists on each level.
    """
    error = _mismatch(array, tuple(zip(shape, items, strict=True)), location)
    assert error is not None
    return error


def to_float32(values: Numbers, count: int, location: str) -> FloatArray:
    """Return numbers as rows (count, features); beyond float32 they are an `InputError`."""
    rows = _narrow(values).reshape(count, -1)
    infinite = first_not_finite(rows, allow_nan=True)
    if infinite is not None:
        raise _overflow(f"{location}[{infinite}]")
    return rows


def first_not_finite(rows: FloatArray, *, allow_nan: bool = False) -> int | None:
    """Return the index of the first row with infinity, or with NaN unless allowed."""
    if _all_finite(rows.reshape(-1)):
        return None
    bad = (np.isinf(rows) if allow_nan else ~np.isfinite(rows)).any(axis=1)
    return int(bad.argmax()) if bad.any() else None


def _read(body: bytes, value: Any, row: Input, around: tuple[int, ...], location: str) -> Numbers:
    """Read rows, or a single row if `around`, the shape outside of a row, is empty."""
    if row.kind == "table":
        return _read_table(body, value, row, around, location)
    nested = _is_nested(value[0] if around else value)
    shape = (*around, *(row.shape if nested else (row.size,)))
    values = read_numbers(body, value, shape)
    if values is None:
        inner = _IMAGE_ITEMS[: len(shape) - len(around) - 1]
        items = (*("rows" for _ in around), *inner, "numbers")
        raise first_mismatch(value, shape, items, location)
    return values


def _read_table(
    body: bytes, value: Any, row: Input, around: tuple[int, ...], location: str
) -> Numbers:
    """Read a numeric table at once, others value by value."""
    numeric = not any(column.categories for column in row.columns)
    values = read_numbers(body, value, (*around, *row.shape)) if numeric else None
    if values is None:
        rows = value if around else [value]
        locations = [f"{location}[{i}]" for i in range(len(value))] if around else [location]
        values = decode_table(rows, row.columns, locations).reshape(-1)
    return values


def _is_nested(row: Any) -> bool:
    return isinstance(row, simdjson.Array) and len(row) > 0 and isinstance(row[0], simdjson.Array)


def _overflow(location: str) -> InputError:
    return InputError(f"{location}: a number overflows float32")


# numpy releases the interpreter's lock for more than 500 numbers. On the event loop this lets the
# inference thread run: it then computes a batch of few rows at once instead of one of many a moment
# later, which cuts the throughput to a third. So up to `MAX_IN_BLOCKS` numbers are processed in
# blocks.


def _narrow(values: Numbers) -> FloatArray:
    with np.errstate(over="ignore"):
        if len(values) > MAX_IN_BLOCKS:
            return values.astype(np.float32)
        narrow = np.empty(len(values), np.float32)
        for i in range(0, len(values), BLOCK):
            narrow[i : i + BLOCK] = values[i : i + BLOCK]
        return narrow


def _all_finite(values: FloatArray) -> bool:
    if len(values) > MAX_IN_BLOCKS:
        return bool(np.isfinite(values).all())
    # Searching for a zero byte takes half the time of `all`.
    return not any(
        b"\0" in np.isfinite(values[i : i + BLOCK]).tobytes() for i in range(0, len(values), BLOCK)
    )


def _has_brackets(text: bytes, expected: int) -> bool:
    """Compare the number of brackets by `find`, which is faster than `bytes.count`."""
    at = -1
    for _ in range(expected):
        at = text.find(b"[", at + 1)
        if at < 0:
            return False
    return text.find(b"[", at + 1) < 0


def _has_shape(item: Any, shape: tuple[int, ...]) -> bool:
    if not isinstance(item, simdjson.Array) or len(item) != shape[0]:
        return False
    return len(shape) == 1 or all(_has_shape(inner, shape[1:]) for inner in item)


def _is_flat(item: Any, depth: int) -> bool:
    if depth > 1:
        return all(_is_flat(inner, depth - 1) for inner in item)
    return not any(isinstance(value, simdjson.Array) for value in item)


def _mismatch(item: Any, levels: tuple[tuple[int, str], ...], location: str) -> InputError | None:
    if not levels:
        if isinstance(item, bool) or not isinstance(item, int | float):
            return InputError(f"{location}: expected a number, found {kind_of(item)}")
        return None
    size, items = levels[0]
    if not isinstance(item, simdjson.Array):
        return InputError(f"{location}: expected a list of {size} {items}, found {kind_of(item)}")
    if len(item) != size:
        return InputError(
            f"{location}: expected a list of {size} {items}, found one of {len(item)}"
        )
    inner = (_mismatch(value, levels[1:], f"{location}[{i}]") for i, value in enumerate(item))
    return next((error for error in inner if error is not None), None)
