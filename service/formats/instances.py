"""The body of `/predict` to rows: JSON straight into one float32 array."""

import simdjson

from service.classifier import FloatArray
from service.contract import Input
from service.errors import BodyError, InputError
from service.formats.documents import parse_object
from service.formats.json_kinds import kind_of
from service.formats.numbers import Numbers, first_fault, read_numbers, to_float32
from service.formats.tables import decode_table

INSTANCES = "instances"


def decode_instances(body: bytes, row: Input, *, max_rows: int) -> FloatArray:
    """Read `{"instances": [row, …]}` as (rows, features); NaN is a table's missing value.

    An image may come as nested lines of pixels, a table's row as an object by column name. Other
    members of the object are ignored. A body that is not such an object is a `BodyError`, rows
    that do not fit `row` are an `InputError` that names the place and the kind of value.
    """
    instances = parse_object(body, INSTANCES).get(INSTANCES)
    if instances is None:
        raise BodyError(f"body: expected the member '{INSTANCES}', found none")
    if not isinstance(instances, simdjson.Array):
        raise BodyError(f"{INSTANCES}: expected a list of rows, found {kind_of(instances)}")
    count = len(instances)
    check_count(count, max_rows, INSTANCES)
    values = _table(body, instances, row) if row.kind == "table" else _image(body, instances, row)
    return to_float32(values, count, INSTANCES)


def check_count(count: int, max_rows: int, place: str) -> None:
    """Refuse no rows at all, and more than one request may have."""
    if count == 0:
        raise InputError(f"{place}: expected at least one row, found none")
    if count > max_rows:
        raise InputError(
            f"{place}: expected at most {max_rows} rows, found {count}; send them in parts"
        )


def _table(body: bytes, instances: simdjson.Array, row: Input) -> Numbers:
    """Read rows of numbers alone at once, all others value by value."""
    numeric = not any(column.categories for column in row.columns)
    shape = (len(instances), *row.shape)
    values = read_numbers(body, instances, shape) if numeric else None
    if values is None:
        values = decode_table(instances, row.columns, INSTANCES).reshape(-1)
    return values


def _image(body: bytes, instances: simdjson.Array, row: Input) -> Numbers:
    """Choose between flat rows and nested ones by what the first row looks like."""
    first = instances[0]
    nested = (
        isinstance(first, simdjson.Array)
        and len(first) > 0
        and isinstance(first[0], simdjson.Array)
    )
    shape = (len(instances), *(row.shape if nested else (row.size,)))
    values = read_numbers(body, instances, shape)
    if values is None:
        nouns = ("rows", *("rows of pixels", "pixels")[: len(shape) - 2], "numbers")
        raise first_fault(instances, shape, nouns, INSTANCES)
    return values
