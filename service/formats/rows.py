"""Rows in JSON, flat or nested lists of numbers, read into one float32 array."""

import math
from typing import Any, NamedTuple

import numpy as np
import simdjson
from numpy.typing import NDArray

from service.arrays import FloatArray, all_finite
from service.contract import Input
from service.errors import BodyError, InputError
from service.formats.json_documents import kind_of
from service.formats.outline import LongReadError, Part
from service.formats.tables import decode_table

INSTANCES = "instances"

MAX_SQUARED = 8192  # numbers whose squares are summed; for more, numpy may start threads
SMALL_SQUARES = 1e76  # a sum of float64's squares below it has no number beyond float32

Numbers = NDArray[np.float64]


class Form(NamedTuple):
    """The form of all rows of a request, which is that of the first."""

    nested: bool
    by_name: bool


COST_OF_A_ROW = 16  # values whose reading takes as long as the row itself
MAX_SEARCHED = 16_384  # values of a request that are read one by one without a pause: 3 ms

_IMAGE_ITEMS = ("rows of pixels", "pixels")  # of a nested image's lists, except the innermost


def read_instances(body: bytes, value: Any, row: Input, *, max_rows: int) -> FloatArray:
    """Read a list of rows as (rows, features); NaN is a table's missing value.

    An image may be nested rows of pixels, a table's row an object keyed by column name. A value
    that is not a list is a `BodyError`; rows that do not fit `row` are an `InputError` that names
    the row and the JSON type found. `body` is the text of which `value` is a part. Rows of many
    values that are not all numbers are a `LongReadError`.
    """
    if not isinstance(value, simdjson.Array):
        raise BodyError(f"{INSTANCES}: expected a list of rows, found {kind_of(value)}")
    count = len(value)
    check_count(count, max_rows, INSTANCES)
    values = _read(body, value, row, form_of(value[0]), INSTANCES)
    return to_float32(values, count, INSTANCES)


def read_part(part: Part, row: Input, form: Form) -> Numbers:
    """Read some of the rows of a request, flat; errors as in `read_instances`."""
    return _read(part.text, part.elements, row, form, INSTANCES, first=part.first)


def read_instance(body: bytes, value: Any, row: Input, location: str) -> FloatArray:
    """Read one row as (1, features); errors as in `read_instances`."""
    values = _read_one(body, value, row, location)
    with np.errstate(over="ignore"):
        rows = values.astype(np.float32).reshape(1, -1)
    if first_not_finite(rows, allow_nan=True) is not None:
        raise overflow_error(location)
    return rows


def check_count(count: int, max_rows: int, location: str) -> None:
    """Reject an empty request, and one of more than `max_rows` rows."""
    if count == 0:
        raise InputError(f"{location}: expected at least one row, found none")
    if count > max_rows:
        raise InputError(
            f"{location}: expected at most {max_rows} rows, found {count}; send them in parts"
        )


def read_numbers(
    text: bytes,
    array: simdjson.Array,
    shape: tuple[int, ...],
    *,
    lists_around: int = 0,
    searched: bool = True,
) -> Numbers | None:
    """Return all numbers of `array`, flat, or None if it is not numbers nested by `shape`.

    `lists_around` is the number of lists that `text` has in addition to those of `array`. If that
    does not decide and many values would have to be `searched`, this is a `LongReadError`.
    """
    if not _has_shape(array, shape):
        return None
    try:
        values = np.frombuffer(array.as_buffer(of_type="d"))
    except TypeError:  # a value is neither a number nor a list
        return None
    # The buffer is flat: only its bracket reveals a list where a number belongs.
    lists = lists_around + sum(math.prod(shape[:axis]) for axis in range(len(shape)))
    if not _has_brackets(text, lists):
        if not searched:
            check_searchable(len(values))
        if not _is_flat(array, len(shape)):
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
    array: simdjson.Array,
    shape: tuple[int, ...],
    items: tuple[str, ...],
    location: str,
    *,
    first: int = 0,
    nullable: bool = False,
) -> InputError:
    """Describe the first value that does not fit `shape`; only rejected requests pay for this.

    `items` name the items of the lists on each level; `first` is the index of the first item.
    """
    levels = tuple(zip(shape, items, strict=True))
    error = _mismatch(array, levels, location, first, nullable)
    assert error is not None
    return error


def check_searchable(count: int) -> None:
    """Raise `LongReadError` if reading `count` values one by one takes too long."""
    if count > MAX_SEARCHED:
        raise LongReadError


def form_of(row: Any) -> Form:
    """Return the form of a row."""
    nested = isinstance(row, simdjson.Array) and len(row) > 0 and isinstance(row[0], simdjson.Array)
    return Form(nested, isinstance(row, simdjson.Object))


def to_float32(values: Numbers, count: int, location: str) -> FloatArray:
    """Return numbers as rows (count, features); beyond float32 they are an `InputError`."""
    # A small sum of squares shows that no number is beyond float32; errstate takes longer.
    # `vdot` overflows without a warning, `dot` does not.
    if len(values) <= MAX_SQUARED and np.vdot(values, values) < SMALL_SQUARES:
        return values.astype(np.float32).reshape(count, -1)
    with np.errstate(over="ignore"):
        rows = values.astype(np.float32).reshape(count, -1)
    infinite = first_not_finite(rows, allow_nan=True)
    if infinite is not None:
        raise overflow_error(f"{location}[{infinite}]")
    return rows


def first_not_finite(rows: FloatArray, *, allow_nan: bool = False) -> int | None:
    """Return the index of the first row with infinity, or with NaN unless allowed."""
    if all_finite(rows.reshape(-1)):
        return None
    bad = (np.isinf(rows) if allow_nan else ~np.isfinite(rows)).any(axis=1)
    return int(bad.argmax()) if bad.any() else None


def _read(
    body: bytes,
    value: simdjson.Array,
    row: Input,
    form: Form,
    location: str,
    first: int | None = None,
) -> Numbers:
    """Read rows of this form; `first` is the index of the first if they are a part of all."""
    count = len(value)
    numeric = row.kind != "table" or not (form.by_name or any(c.categories for c in row.columns))
    shape = (count, *(row.shape if form.nested and row.kind != "table" else (row.size,)))
    values = read_numbers(body, value, shape, searched=first is not None) if numeric else None
    if values is not None:
        return values
    if first is None:
        check_searchable(count * (row.size + COST_OF_A_ROW))
        first = 0
    if row.kind == "table":
        locations = [f"{location}[{first + i}]" for i in range(count)]
        return decode_table(value, row.columns, locations, by_name=form.by_name).reshape(-1)
    items = ("rows", *_IMAGE_ITEMS[: len(shape) - 2], "numbers")
    raise first_mismatch(value, shape, items, location, first=first)


def _read_one(body: bytes, value: Any, row: Input, location: str) -> Numbers:
    form = form_of(value)
    if row.kind == "table":
        numeric = not any(column.categories for column in row.columns)
        values = read_numbers(body, value, row.shape, searched=True) if numeric else None
        return (
            decode_table([value], row.columns, [location]).reshape(-1) if values is None else values
        )
    shape = row.shape if form.nested else (row.size,)
    values = read_numbers(body, value, shape, searched=True)
    if values is None:
        raise first_mismatch(value, shape, (*_IMAGE_ITEMS[: len(shape) - 1], "numbers"), location)
    return values


def overflow_error(location: str) -> InputError:
    """Return the error of a number beyond float32."""
    return InputError(f"{location}: a number overflows float32")


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


def _mismatch(
    item: Any, levels: tuple[tuple[int, str], ...], location: str, first: int, nullable: bool
) -> InputError | None:
    if not levels:
        fits = isinstance(item, int | float) and not isinstance(item, bool)
        if fits or (nullable and item is None):
            return None
        return InputError(f"{location}: expected a number, found {kind_of(item)}")
    size, items = levels[0]
    if not isinstance(item, simdjson.Array):
        return InputError(f"{location}: expected a list of {size} {items}, found {kind_of(item)}")
    if len(item) != size:
        return InputError(
            f"{location}: expected a list of {size} {items}, found one of {len(item)}"
        )
    inner = (
        _mismatch(value, levels[1:], f"{location}[{first + i}]", 0, nullable)
        for i, value in enumerate(item)
    )
    return next((error for error in inner if error is not None), None)
