"""One input tensor of an Open Inference Protocol request, in JSON or binary, checked before use."""

from typing import Any

import numpy as np
import simdjson

from service.classifier import FloatArray
from service.errors import BodyError, InputError
from service.formats.documents import Members
from service.formats.json_kinds import kind_of
from service.formats.numbers import (
    first_fault,
    first_infinite,
    first_not_finite,
    read_missing,
    read_numbers,
    to_float32,
)

FP32 = "FP32"
ITEM_SIZE = 4  # bytes
DATATYPES = (
    *("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"),
    *("FP16", FP32, "FP64", "BF16", "BYTES"),
)


def read_rows(item: Members, place: str, width: int) -> int:
    """Return how many rows a tensor has: its shape must be [rows, `width`], its type FP32."""
    datatype = item.get("datatype")
    if datatype != FP32:
        found = datatype if datatype in DATATYPES else kind_of(datatype)
        raise InputError(f"{place}: expected the datatype {FP32}, found {found}")
    shape = item.get("shape")
    if not isinstance(shape, simdjson.Array):
        raise InputError(f"{place}: expected the shape [rows, {width}], found {kind_of(shape)}")
    sizes = shape.as_list() if len(shape) == 2 else []
    rows: Any = sizes[0] if sizes else None
    if type(rows) is not int or rows < 0 or sizes[1] != width or type(sizes[1]) is not int:
        found = "another" if len(shape) == 2 else f"one of {len(shape)} axes"
        raise InputError(f"{place}: expected the shape [rows, {width}], found {found}")
    return rows


def read_json(
    text: bytes,
    data: Any,
    place: str,
    shape: tuple[int, int],
    *,
    missing: bool,
    lists_around: int,
) -> FloatArray:
    """Read `data`, flat or nested, as float32 (rows, width); null is NaN if it may be `missing`.

    `lists_around` is how many lists the whole text has beside this one.
    """
    place = f"{place}: data"
    if not isinstance(data, simdjson.Array):
        raise InputError(f"{place}: expected a list of numbers, found {kind_of(data)}")
    rows, width = shape
    nested = len(data) > 0 and isinstance(data[0], simdjson.Array)
    asked = shape if nested else (rows * width,)
    if len(data) != asked[0]:
        what = "rows" if nested else "numbers"
        raise InputError(
            f"{place}: expected {asked[0]} {what} as the shape says, found {len(data)}"
        )
    values = read_numbers(text, data, asked, lists_around=lists_around)
    if values is None and missing:
        values = read_missing(data, asked)
    if values is None:
        raise first_fault(data, asked, ("rows", "numbers")[-len(asked) :], place)
    return to_float32(values, rows, place)


def check_size(size: Any, place: str, shape: tuple[int, int]) -> None:
    """Refuse a `binary_data_size` that is not what the shape takes in bytes."""
    expected = shape[0] * shape[1] * ITEM_SIZE
    if type(size) is not int or size != expected:
        found = "another number" if type(size) is int else kind_of(size)
        raise InputError(
            f"{place}: expected a binary_data_size of {expected} as the shape says, found {found}"
        )


def read_binary(
    body: bytes, start: int, name: str, shape: tuple[int, int], *, missing: bool
) -> FloatArray:
    """Return the bytes from `start` on as float32 (rows, width); NaN if it may be `missing`."""
    count = shape[0] * shape[1]
    if start + count * ITEM_SIZE > len(body):
        raise BodyError(
            f"body: expected {count * ITEM_SIZE} bytes for '{name}', found {len(body) - start}"
        )
    values: FloatArray = np.frombuffer(body, "<f4", count, start).reshape(shape)
    odd = first_infinite(values) if missing else first_not_finite(values)
    if odd is not None:
        expected = "finite numbers or NaN" if missing else "finite numbers"
        raise InputError(f"input '{name}': data[{odd}]: expected {expected}, found others")
    return values
