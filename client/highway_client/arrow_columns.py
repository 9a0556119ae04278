"""Columns of Arrow tables as the numbers that a model reads; imported lazily, for pyarrow.

The rules are those by which training reads typed tables: a category becomes its index, a date its
days since 1970-01-01, and a missing value NaN.
"""

from collections.abc import Sequence
from math import isnan

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from highway_client.description import Column, TextFormat
from highway_client.files.cells import SPACES
from highway_client.files.coders import FLOAT32_MAX, CellError, coder, listed
from highway_client.json_values import FloatArray

Numbers = NDArray[np.float64]

FLOAT64_EXACT = 2**53  # all integers up to here are exact in float64
UNITS_PER_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
FIRST_DAY, LAST_DAY = -719_162, 2_932_897  # 0001-01-01 and the day after 9999-12-31
PLAIN = np.isin(np.arange(256), list(b"0123456789eE.+-"))  # by byte
KINDS = "numbers, strings, booleans or dates"


class ColumnError(Exception):
    """A column that the model cannot read; `row` counts from 0, None if it is all of them."""

    def __init__(self, column: str, row: int | None, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.row = row


class _ValueError(Exception):
    """A value that does not fit, in a row counted from 0, or the type of all values."""

    def __init__(self, reason: str, row: int | None = None) -> None:
        super().__init__(reason)
        self.row = row


def encode_columns(
    values: Sequence[pa.ChunkedArray], columns: Sequence[Column], text: TextFormat
) -> FloatArray:
    """Return the values of the model's columns, in its order, as float32 (rows, columns)."""
    matrix = np.empty((len(values[0]), len(columns)), np.float32)
    for index, (column, of_column) in enumerate(zip(columns, values, strict=True)):
        try:
            matrix[:, index] = _encode(of_column, column, text)
        except _ValueError as error:
            raise ColumnError(column.name, error.row, str(error)) from error
    return matrix


def _encode(values: pa.ChunkedArray, column: Column, text: TextFormat) -> Numbers:
    if pa.types.is_dictionary(values.type):
        values = _decoded(values)
    if pa.types.is_float16(values.type):
        values = pc.cast(values, pa.float32())
    if values.null_count == len(values):
        return np.full(len(values), np.nan)
    kind = values.type
    if _is_text(kind):
        return _of_strings(pc.cast(values, pa.large_string()), column, text)
    if pa.types.is_boolean(kind):
        return _of_booleans(values, column)
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return _of_dates(values, column)
    if any(is_kind(kind) for is_kind in (pa.types.is_integer, pa.types.is_floating)):
        return _of_numbers(values, column, text)
    if pa.types.is_decimal(kind):
        return _of_numbers(pc.cast(values, pa.float64(), safe=False), column, text)
    raise _ValueError(f"expected {KINDS}, found {kind}")


def _decoded(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the values of a dictionary column; Arrow cannot cast all kinds of strings."""
    kind = pa.large_string() if _is_text(values.type.value_type) else values.type.value_type
    chunks = [pc.cast(chunk.dictionary, kind).take(chunk.indices) for chunk in values.chunks]
    return pa.chunked_array(chunks, kind)


def _is_text(kind: pa.DataType) -> bool:
    is_text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(is_kind(kind) for is_kind in is_text)


def _of_strings(values: pa.ChunkedArray, column: Column, text: TextFormat) -> Numbers:
    """Read each of the distinct strings once, as a cell of a text file."""
    strings = pa.chunked_array(values.chunks, pa.large_string()).combine_chunks()
    plain = None if column.categories or column.date else _of_plain_strings(strings, text)
    if plain is not None:
        return plain
    encoded = strings.dictionary_encode()
    index = pc.cast(pc.fill_null(encoded.indices, -1), pa.int64()).to_numpy()
    code, numbers = coder(column, text), []
    for position, string in enumerate(encoded.dictionary.to_pylist()):
        try:
            numbers.append(code(string if text.keep_spaces else string.strip(SPACES)))
        except CellError as error:
            row = int(np.flatnonzero(index == position)[0])
            raise _ValueError(f"expected {error}, found {string!r}", row) from error
    by_row: Numbers = np.append(numbers, np.nan)[index]
    return by_row


def _of_plain_strings(strings: pa.Array, text: TextFormat) -> Numbers | None:
    """Read numbers of digits, points and exponents, as their `coder` does; None for other cells."""
    if text.decimal != "." or any(map(_is_number, text.missing)):
        return None
    edges = np.frombuffer(strings.buffers()[1], np.int64)[strings.offset :][: len(strings) + 1]
    letters = np.frombuffer(strings.buffers()[2] or b"", np.uint8)[edges[0] : edges[-1]]
    if not PLAIN[letters].all():
        return None
    try:
        numbers: Numbers = pc.cast(
            pc.replace_with_mask(
                strings, pc.equal(strings, ""), pa.scalar(None, pa.large_string())
            ),
            pa.float64(),
        ).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:  # such as "+1", or "1-2", which is no number
        return None
    return None if (np.abs(numbers) > FLOAT32_MAX).any() else numbers


def _of_booleans(values: pa.ChunkedArray, column: Column) -> Numbers:
    if not column.categories:
        raise _ValueError(f"expected {_kind(column)}, found booleans")
    return _index(pc.cast(values, pa.large_string()), column)


def _of_dates(values: pa.ChunkedArray, column: Column) -> Numbers:
    if column.date is None:
        raise _ValueError(f"expected {_kind(column)}, found dates")
    if pa.types.is_date(values.type):
        values = pc.cast(values, pa.timestamp("s" if pa.types.is_date32(values.type) else "ms"))
    count = pc.cast(values, pa.int64()).cast(pa.float64(), safe=False).to_numpy()
    days: Numbers = count / UNITS_PER_DAY[values.type.unit]
    outside = np.flatnonzero((days < FIRST_DAY) | (days >= LAST_DAY))
    if len(outside):
        found = f"{days[outside[0]]:.0f} days since 1970-01-01"
        raise _ValueError(f"expected a date in the years 1 to 9999, found {found}", int(outside[0]))
    return days


def _of_numbers(values: pa.ChunkedArray, column: Column, text: TextFormat) -> Numbers:
    if column.date is not None:
        raise _ValueError(f"expected {_kind(column)}, found {values.type}")
    numbers: Numbers = pc.cast(values, pa.float64(), safe=False).to_numpy().copy()
    for mark in filter(_is_number, text.missing):
        numbers[numbers == float(mark)] = np.nan
    if column.is_boolean and _are_booleans(numbers):
        return numbers
    if column.categories:
        return _of_codes(values, numbers, column)
    outside = np.flatnonzero(np.abs(numbers) > FLOAT32_MAX)
    if len(outside):
        row = int(outside[0])
        raise _ValueError(
            "expected a number within float32's range or a missing value, found "
            f"{values[row].as_py()}",
            row,
        )
    return numbers


def _are_booleans(numbers: Numbers) -> bool:
    """Whether all numbers are 0 and 1, as libraries store booleans beside missing values."""
    return bool(np.isin(numbers[~np.isnan(numbers)], (0, 1)).all())


def _of_codes(values: pa.ChunkedArray, numbers: Numbers, column: Column) -> Numbers:
    """Return the indices of categories that are integers."""
    known = ~np.isnan(numbers)
    with np.errstate(invalid="ignore"):
        too_large = np.abs(numbers) > FLOAT64_EXACT
        broken = np.flatnonzero(known & (too_large | (numbers != np.trunc(numbers))))
    if pa.types.is_floating(values.type) and len(broken):
        row = int(broken[0])
        found = numbers[row]
        raise _ValueError(f"expected categories as strings or integers, found {found:g}", row)
    integers = values
    if pa.types.is_floating(values.type):
        integers = pa.chunked_array([np.where(known, numbers, 0).astype(np.int64)])
    strings = pc.if_else(pa.array(known), pc.cast(integers, pa.large_string()), None)
    return _index(strings, column)


def _index(strings: pa.ChunkedArray, column: Column) -> Numbers:
    """Return the index of each string's category, NaN where missing."""
    known = pa.array(column.categories, pa.large_string())
    index = pc.index_in(strings, value_set=known, skip_nulls=True)
    row = pc.index(pc.and_(pc.is_null(index), pc.is_valid(strings)), True).as_py()
    if row >= 0:
        expected = f"one of {listed(column.categories)}"
        raise _ValueError(f"expected {expected}, found {strings[row].as_py()!r}", row)
    numbers: Numbers = pc.cast(index, pa.float64()).to_numpy()
    return numbers


def _kind(column: Column) -> str:
    if column.is_boolean:
        return "booleans"
    if column.categories:
        return f"one of {listed(column.categories)}"
    return "numbers" if column.date is None else "dates"


def _is_number(mark: str) -> bool:
    try:
        return not isnan(float(mark))
    except ValueError:
        return False
