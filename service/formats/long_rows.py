"""Rows of a long request, read a part at a time; the results and errors are those of short ones."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import simdjson

from service.arrays import FloatArray
from service.contract import Input
from service.errors import BodyError, InputError
from service.formats.json_documents import kind_of
from service.formats.outline import LongList, Part, Steps
from service.formats.rows import (
    INSTANCES,
    Form,
    Numbers,
    check_count,
    form_of,
    overflow_error,
    read_numbers,
    read_part,
)
from service.formats.tensors import Shape, check_length, read_slowly

Elements = LongList | simdjson.Array


def parts_of(value: Elements) -> Iterable[Part]:
    """Return the parts of a list; drop each before the next."""
    return value.parts() if isinstance(value, LongList) else [Part(0, b"", value)]


def read_long_instances(value: Any, row: Input, *, max_rows: int) -> Steps[FloatArray]:
    """Read rows like `rows.read_instances`."""
    if not isinstance(value, Elements):
        raise BodyError(f"{INSTANCES}: expected a list of rows, found {kind_of(value)}")
    count = len(value)
    check_count(count, max_rows, INSTANCES)
    rows = _Rows((count, row.size), INSTANCES)
    form: Form | None = None
    for part in parts_of(value):
        form = form or form_of(part.elements[0])
        rows.add(part.first * row.size, read_part(part, row, form))
        del part
        yield
    return rows.result()


def read_long_data(
    value: Elements, location: str, shape: Shape, *, missing: bool
) -> Steps[FloatArray]:
    """Read a tensor's data like `tensors.read_json`."""
    location = f"{location}: data"
    nested = False
    rows = _Rows(shape, location)
    for part in parts_of(value):
        array = part.elements
        if part.first == 0:
            nested = form_of(array).nested
            check_length(len(value), location, shape, nested=nested)
        expected = (len(array), shape[1]) if nested else (len(array),)
        values = read_numbers(part.text, array, expected)
        if values is None:
            values = read_slowly(array, expected, location, missing=missing, first=part.first)
        rows.add(part.first * (shape[1] if nested else 1), values)
        del part, array
        yield
    return rows.result()


class _Rows:
    """The rows of all parts, converted to float32."""

    def __init__(self, shape: Shape, location: str) -> None:
        self._rows = np.empty(shape, np.float32)
        self._location = location
        self._overflow: InputError | None = None

    def add(self, start: int, numbers: Numbers) -> None:
        """Store numbers from the flat index `start` on."""
        values = self._rows.reshape(-1)[start : start + len(numbers)]
        with np.errstate(over="ignore"):
            values[:] = numbers
        infinite = np.isinf(values)
        if self._overflow is None and infinite.any():
            row = (start + int(infinite.argmax())) // self._rows.shape[1]
            self._overflow = overflow_error(f"{self._location}[{row}]")

    def result(self) -> FloatArray:
        """Return the rows (n, features); numbers beyond float32 are an `InputError`."""
        if self._overflow is not None:
            raise self._overflow
        return self._rows
