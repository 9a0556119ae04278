"""Request bodies to rows: JSON straight into one float32 array, checked before it is used."""

import math
from typing import Any

import numpy as np
import simdjson
from numpy.typing import NDArray

from service.classifier import FloatArray
from service.contract import Input
from service.errors import BodyError, InputError
from service.json_kinds import kind_of
from service.table_decoding import decode_table

INSTANCES = "instances"

Numbers = NDArray[np.float64]

# Everything simdjson raises for text that is not JSON as RFC 8259 has it, NaN and 1e400 included.
_PARSE_ERRORS = (ValueError, RuntimeError, UnicodeDecodeError)


def decode_instances(body: bytes, row: Input, *, max_rows: int) -> FloatArray:
    """Read `{"instances": [row, …]}` as (rows, features); NaN is a table's missing value.

    An image may come as nested lines of pixels, a table's row as an object by column name. Other
    members of the object are ignored. A body that is not such an object is a `BodyError`, rows
    that do not fit `row` are an `InputError` that names the place and the kind of value.
    """
    # A parser keeps its document alive, so each request has its own.
    instances = _instances(simdjson.Parser(), body)
    count = len(instances)
    if count == 0:
        raise InputError(f"{INSTANCES}: expected at least one row, found none")
    if count > max_rows:
        raise InputError(
            f"{INSTANCES}: expected at most {max_rows} rows, found {count}; send them in parts"
        )
    values = _table(body, instances, row) if row.kind == "table" else _image(body, instances, row)
    with np.errstate(over="ignore"):
        rows = values.astype(np.float32).reshape(count, row.size)
    if np.isinf(rows).any():
        index = int(np.isinf(rows).any(axis=1).argmax())
        raise InputError(
            f"{INSTANCES}[{index}]: expected numbers that float32 can hold, found a larger one"
        )
    return rows


def _instances(parser: simdjson.Parser, body: bytes) -> simdjson.Array:
    try:
        document = parser.parse(body)
    except _PARSE_ERRORS as error:
        raise BodyError(
            "body: expected JSON whose numbers fit 64 bits, found text that is not; NaN and "
            "Infinity are not JSON either"
        ) from error
    if not isinstance(document, simdjson.Object):
        raise BodyError(f"body: expected a JSON object, found {kind_of(document)}")
    try:
        instances = document.get(INSTANCES)
    except _PARSE_ERRORS as error:  # a key that is no text, as of half a surrogate pair
        raise BodyError("body: expected JSON in UTF-8, found text that is not") from error
    if instances is None:
        raise BodyError(f"body: expected the member '{INSTANCES}', found none")
    if not isinstance(instances, simdjson.Array):
        raise BodyError(f"{INSTANCES}: expected a list of rows, found {kind_of(instances)}")
    return instances


def _table(body: bytes, instances: simdjson.Array, row: Input) -> Numbers:
    """Read rows of numbers alone at once, all others value by value."""
    numeric = not any(column.categories for column in row.columns)
    values = _values(body, instances, row.shape) if numeric else None
    return decode_table(instances, row.columns, INSTANCES) if values is None else values


def _image(body: bytes, instances: simdjson.Array, row: Input) -> Numbers:
    """Choose between flat rows and nested ones by what the first row looks like."""
    first = instances[0]
    nested = (
        isinstance(first, simdjson.Array)
        and len(first) > 0
        and isinstance(first[0], simdjson.Array)
    )
    shape = row.shape if nested else (row.size,)
    values = _values(body, instances, shape)
    if values is None:
        raise _first_fault(instances, shape)
    return values


def _values(body: bytes, instances: simdjson.Array, shape: tuple[int, ...]) -> Numbers | None:
    """Return all numbers at once, or None where the rows are not all of `shape`."""
    if not all(_has_shape(item, shape) for item in instances):
        return None
    try:
        values = np.frombuffer(instances.as_buffer(of_type="d"))
    except TypeError:  # something among the numbers is none
        return None
    # The buffer is flat, so a list in a number's place would go unseen but for its bracket.
    lists = 1 + len(instances) * sum(math.prod(shape[:axis]) for axis in range(len(shape)))
    if body.count(b"[") != lists and not all(_is_flat(item, len(shape)) for item in instances):
        return None
    return values if len(values) == len(instances) * math.prod(shape) else None


def _has_shape(item: Any, shape: tuple[int, ...]) -> bool:
    if not isinstance(item, simdjson.Array) or len(item) != shape[0]:
        return False
    return len(shape) == 1 or all(_has_shape(inner, shape[1:]) for inner in item)


def _is_flat(item: Any, depth: int) -> bool:
    if depth > 1:
        return all(_is_flat(inner, depth - 1) for inner in item)
    return not any(isinstance(value, simdjson.Array) for value in item)


def _first_fault(instances: simdjson.Array, shape: tuple[int, ...]) -> InputError:
    """Find the first value that is not as it should be; only a refused request pays for this."""
    nouns = (*("rows of pixels", "pixels")[: len(shape) - 1], "numbers")
    levels = tuple(zip(shape, nouns, strict=True))
    faults = (_fault(item, levels, f"{INSTANCES}[{i}]") for i, item in enumerate(instances))
    return next(fault for fault in faults if fault is not None)


def _fault(item: Any, levels: tuple[tuple[int, str], ...], place: str) -> InputError | None:
    if not levels:
        if isinstance(item, bool) or not isinstance(item, int | float):
            return InputError(f"{place}: expected a number, found {kind_of(item)}")
        return None
    size, what = levels[0]
    if not isinstance(item, simdjson.Array):
        return InputError(f"{place}: expected a list of {size} {what}, found {kind_of(item)}")
    if len(item) != size:
        return InputError(f"{place}: expected a list of {size} {what}, found one of {len(item)}")
    inner = (_fault(value, levels[1:], f"{place}[{i}]") for i, value in enumerate(item))
    return next((fault for fault in inner if fault is not None), None)
