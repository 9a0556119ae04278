"""One input tensor of an Open Inference Protocol request, in JSON or binary."""

from typing import Any

import numpy as np
import simdjson

from service.arrays import FloatArray, all_finite
from service.errors import BodyError, InputError
from service.formats.json_documents import Members, kind_of
from service.formats.outline import LongList
from service.formats.rows import (
    Numbers,
    check_searchable,
    first_mismatch,
    first_not_finite,
    form_of,
    read_nullable_numbers,
    read_numbers,
    to_float32,
)

Shape = tuple[int, int]  # (rows, width)

FP32 = "FP32"
FLOAT = np.dtype("<f4")
ITEM_SIZE = FLOAT.itemsize
DATATYPES = (
    *("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"),
    *("FP16", FP32, "FP64", "BF16", "BYTES"),
)


def read_rows(item: Members, location: str, width: int) -> int:
    """Return a tensor's number of rows; its shape must be [rows, `width`], its datatype FP32."""
    datatype = item.get("datatype")
    if datatype != FP32:
        actual = datatype if datatype in DATATYPES else kind_of(datatype)
        raise InputError(f"{location}: expected the datatype {FP32}, found {actual}")
    shape = item.get("shape")
    if not isinstance(shape, simdjson.Array | LongList):
        raise InputError(f"{location}: expected the shape [rows, {width}], found {kind_of(shape)}")
    sizes: list[Any] = []
    if isinstance(shape, simdjson.Array) and len(shape) == 2:
        sizes = [shape[0], shape[1]]
    rows: Any = sizes[0] if sizes else None
    if type(rows) is not int or rows < 0 or sizes[1] != width or type(sizes[1]) is not int:
        actual = "another shape" if len(shape) == 2 else f"{len(shape)} axes"
        raise InputError(f"{location}: expected the shape [rows, {width}], found {actual}")
    return rows


def read_json(
    text: bytes,
    data: Any,
    location: str,
    shape: Shape,
    *,
    missing: bool,
    lists_around: int,
) -> FloatArray:
    """Read `data`, flat or nested, as float32 (rows, width); null is NaN if it may be `missing`.

    `lists_around` is the number of lists that `text` has in addition to those of `data`. Many
    values that are not all numbers are a `LongReadError`.
    """
    location = f"{location}: data"
    if not isinstance(data, simdjson.Array):
        raise InputError(f"{location}: expected a list of numbers, found {kind_of(data)}")
    rows, width = shape
    nested = form_of(data).nested
    check_length(len(data), location, shape, nested=nested)
    expected = shape if nested else (rows * width,)
    values = read_numbers(text, data, expected, lists_around=lists_around, searched=False)
    if values is None:
        check_searchable(rows * width)
        values = read_slowly(data, expected, location, missing=missing)
    return to_float32(values, rows, location)


def read_slowly(
    data: simdjson.Array, shape: tuple[int, ...], location: str, *, missing: bool, first: int = 0
) -> Numbers:
    """Read numbers one by one, null as NaN if it may be `missing`; `first` is their index."""
    values = read_nullable_numbers(data, shape) if missing else None
    if values is None:
        items = ("rows", "numbers")[2 - len(shape) :]
        raise first_mismatch(data, shape, items, location, first=first, nullable=missing)
    return values


def check_length(length: int, location: str, shape: Shape, *, nested: bool) -> None:
    """Reject data of another length than the shape's, counted in rows if `nested`."""
    expected, items = (shape[0], "rows") if nested else (shape[0] * shape[1], "numbers")
    if length != expected:
        raise InputError(f"{location}: expected {expected} {items} for the shape, found {length}")


def check_size(size: Any, location: str, shape: Shape) -> None:
    """Reject a `binary_data_size` that is not the number of bytes of the shape."""
    expected = shape[0] * shape[1] * ITEM_SIZE
    if type(size) is not int or size != expected:
        actual = "another number" if type(size) is int else kind_of(size)
        raise InputError(
            f"{location}: expected a binary_data_size of {expected} for the shape, found {actual}"
        )


def read_binary(body: bytes, start: int, name: str, shape: Shape, *, missing: bool) -> FloatArray:
    """Return the bytes from `start` on as float32 (rows, width); NaN if it may be `missing`."""
    count = shape[0] * shape[1]
    if start + count * ITEM_SIZE > len(body):
        raise BodyError(
            f"body: expected {count * ITEM_SIZE} bytes for '{name}', found {len(body) - start}"
        )
    flat: FloatArray = np.frombuffer(body, FLOAT, count, start)
    values = flat.reshape(shape)
    invalid = None if all_finite(flat) else first_not_finite(values, allow_nan=missing)
    if invalid is not None:
        allowed = "finite numbers or NaN" if missing else "finite numbers"
        raise InputError(f"input '{name}': data[{invalid}]: only {allowed} are allowed")
    return values
