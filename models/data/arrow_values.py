"""Arrow columns in few types, in which every missing value is null."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from highway_client.files.cells import MISSING, SPACES

from models.data.remedies import ColumnError, Remedy
from service.contract import TextFormat

PLAIN_KINDS = (
    *(pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean),
    *(pa.types.is_large_string, pa.types.is_timestamp, pa.types.is_null),
)


def plain_values(
    where: str, values: pa.ChunkedArray, text: TextFormat, *, advice: str, remedy: Remedy | None
) -> pa.ChunkedArray:
    """Cast to integers, float32, float64, booleans, timestamps, large strings or nulls.

    Null replaces NaN, missing strings and declared missing numbers. Raises `ColumnError` for other
    types, with `advice` and `remedy`.
    """
    if pa.types.is_dictionary(values.type):
        values = pc.cast(values, values.type.value_type)
    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        values = pc.cast(values, pa.large_string())
    elif pa.types.is_decimal(kind):
        values = pc.cast(values, pa.float64(), safe=False)
    elif pa.types.is_float16(kind):
        values = pc.cast(values, pa.float32())
    elif pa.types.is_date(kind):
        values = pc.cast(values, pa.timestamp("s" if pa.types.is_date32(kind) else "ms"))
    elif not any(is_kind(kind) for is_kind in PLAIN_KINDS):
        raise ColumnError(
            f"{where}: expected numbers, strings, booleans or dates, found {kind}; {advice}", remedy
        )
    return _with_nulls(values, text)


def is_text(values: pa.ChunkedArray) -> bool:
    """Return whether the values are large strings."""
    return bool(pa.types.is_large_string(values.type))


def is_number(values: pa.ChunkedArray) -> bool:
    """Return whether the values are integers or floating-point numbers."""
    return bool(pa.types.is_integer(values.type) or pa.types.is_floating(values.type))


def marked(values: pa.ChunkedArray, marker: str) -> pa.ChunkedArray:
    """Return which values equal a text that marks missing values; numbers are compared by value."""
    if is_text(values):
        return pc.equal(values, marker)
    number = _marker(marker)
    if number is None or not is_number(values):
        return pa.chunked_array([pa.array(np.zeros(len(values), bool))])
    if pa.types.is_floating(values.type):
        return pc.equal(values, pa.scalar(number, pa.float64()).cast(values.type, safe=False))
    return pc.equal(pc.cast(values, pa.float64(), safe=False), number)


def stripped(table: pa.Table) -> tuple[pa.Table, tuple[str, ...]]:
    """Strip spaces around the strings of a table, and return the columns that had any."""
    changed = []
    for index, name in enumerate(table.column_names):
        values = table.column(index)
        is_dictionary = pa.types.is_dictionary(values.type)
        if is_dictionary:
            values = pc.cast(values, values.type.value_type)
        if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
            trimmed = pc.utf8_trim(values, SPACES)
            if pc.any(pc.not_equal(trimmed, values)).as_py():
                changed.append(name)
                trimmed = trimmed.dictionary_encode() if is_dictionary else trimmed
                table = table.set_column(index, name, trimmed)
    return table, tuple(changed)


def _with_nulls(values: pa.ChunkedArray, text: TextFormat) -> pa.ChunkedArray:
    null = pa.scalar(None, values.type)
    if is_text(values):
        strings = pa.array(sorted(MISSING | {*text.missing}), pa.large_string())
        trimmed = pc.utf8_trim(values, SPACES)
        # A quoted cell keeps its spaces: "" and " " are missing, " NA" is not.
        gone = pc.or_(pc.equal(trimmed, ""), pc.is_in(values, value_set=strings))
        return pc.if_else(gone, null, values)
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), null, values)
    if is_number(values):
        for marker in text.missing:
            values = pc.if_else(marked(values, marker), null, values)
    return values


def _marker(text: str) -> float | None:
    """Return a declared text as a number, also an infinite one: typed columns can hold it."""
    try:
        return float(text)
    except ValueError:
        return None
