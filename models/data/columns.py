"""Arrow columns as float32 values or class labels: numbers are kept, categories become indices.

Every function raises `DataError`; its argument `where` begins the message, and rows count from 1.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models.data.dataset import FloatRows, Labels
from models.errors import DataError, join_names
from service.contract import BOOLEAN_CATEGORIES, Column

MAX_CATEGORIES = 100
PLAIN_KINDS = (
    *(pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean),
    *(pa.types.is_large_string, pa.types.is_null),
)
FLOAT32_MAX = float(np.finfo(np.float32).max)
FLOAT64_EXACT = 2**53  # all integers up to here are exact in float64
NUMBER = r"^\s*[+-]?([1-9][0-9]*|0)?\.?[0-9]*([eE][+-]?[0-9]+)?\s*$"
MAX_ROUNDING = 1e-3  # of a number in float32, in standard deviations of its column


def infer_column(where: str, name: str, values: pa.ChunkedArray) -> tuple[Column, FloatRows]:
    """Decide whether an Arrow column (n,) holds numbers or categories, and encode it.

    Strings, booleans and dictionaries of integers are categories, sorted by value. Refused are
    other types, more than `MAX_CATEGORIES` categories, a column without any value, and numbers that
    float32 cannot represent or distinguish.
    """
    is_dictionary = pa.types.is_dictionary(values.type)
    values = _normalise(where, values, advice="leave the column out with --exclude")
    if values.null_count == len(values):
        raise DataError(f"{where}: the column has no values; leave it out with --exclude")
    if _is_string(values):
        _check_strings(where, values)
    integers = pa.types.is_integer(values.type)
    if _is_string(values) or pa.types.is_boolean(values.type) or (is_dictionary and integers):
        column = Column(name=name, categories=_categories(where, values))
        return column, encode_column(where, column, values)
    numbers = _numbers(where, values)
    _check_precision(where, values, numbers)
    return Column(name=name), numbers.astype(np.float32)


def encode_column(where: str, column: Column, values: pa.ChunkedArray) -> FloatRows:
    """Return an Arrow column as float32 (n,): numbers or indices of `column`'s categories.

    A missing value is NaN; an unknown category is refused.
    """
    values = _normalise(where, values, advice="write the column as in the training data")
    if column.categories:
        index = pc.cast(_index(where, values, column.categories), pa.float32())
        nan_if_missing: FloatRows = index.to_numpy()
        return nan_if_missing
    if _is_string(values) and values.null_count < len(values):
        row, string = _example(values)
        raise DataError(f"{where}, row {row}: expected a number, found the string {string!r}")
    if pa.types.is_boolean(values.type) and values.null_count < len(values):
        raise DataError(f"{where}: expected numbers, found booleans")
    return _numbers(where, values).astype(np.float32)


def encode_labels(where: str, values: pa.ChunkedArray) -> tuple[tuple[str, ...], Labels]:
    """Return the classes of an Arrow column, sorted by value, and each row's index (n,).

    Strings, booleans and integers are classes. Missing values and decimal numbers are refused.
    """
    values = _normalise(where, values, advice="choose another target")
    if values.null_count:
        row = pc.index(pc.is_null(values), True).as_py() + 1
        raise DataError(f"{where}, row {row}: the class is missing; remove the row")
    if pa.types.is_floating(values.type):
        values = _integers(where, values)
    labels = _distinct(values)
    index: Labels = pc.cast(_index(where, values, labels), pa.int64()).to_numpy()
    return labels, index


def _normalise(where: str, values: pa.ChunkedArray, *, advice: str) -> pa.ChunkedArray:
    """Cast to integers, float32, float64, booleans, large strings or nulls; null replaces NaN."""
    if pa.types.is_dictionary(values.type):
        values = pc.cast(values, values.type.value_type)
    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        values = pc.cast(values, pa.large_string())
    elif pa.types.is_decimal(kind):
        values = pc.cast(values, pa.float64(), safe=False)
    elif pa.types.is_float16(kind):
        values = pc.cast(values, pa.float32())
    elif not any(is_kind(kind) for is_kind in PLAIN_KINDS):
        raise DataError(f"{where}: expected numbers, strings or booleans, found {kind}; {advice}")
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    return values


def _is_string(values: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_large_string(values.type))


def _check_strings(where: str, values: pa.ChunkedArray) -> None:
    """Refuse a column of numbers that became strings because of a few strings among them."""
    known = values.drop_null()
    count = pc.sum(pc.match_substring_regex(known, NUMBER)).as_py()
    if 2 * count > len(known) > count:
        row, string = _example(values)
        raise DataError(
            f"{where}, row {row}: expected a number as in most of the column's rows, found the "
            f"string {string!r}; correct it, or leave the cell empty if the value is missing"
        )


def _categories(where: str, values: pa.ChunkedArray) -> tuple[str, ...]:
    if pa.types.is_boolean(values.type):
        return BOOLEAN_CATEGORIES
    categories = _distinct(values)
    if len(categories) > MAX_CATEGORIES:
        example = repr(_example(values)[1]) if _is_string(values) else categories[0]
        raise DataError(
            f"{where}: expected numbers or at most {MAX_CATEGORIES} different strings, found "
            f"{len(categories)} strings such as {example}; leave the column out with --exclude"
        )
    return categories


def _distinct(values: pa.ChunkedArray) -> tuple[str, ...]:
    """Return the distinct values as strings, sorted by value."""
    ordered = sorted(pc.unique(values.drop_null()).to_pylist())
    return tuple(pc.cast(pa.array(ordered, values.type), pa.large_string()).to_pylist())


def _index(where: str, values: pa.ChunkedArray, categories: tuple[str, ...]) -> pa.ChunkedArray:
    """Return each value's index in `categories`, null if missing; other values are refused."""
    strings = pc.cast(values, pa.large_string())
    index = pc.index_in(strings, value_set=pa.array(categories, pa.large_string()), skip_nulls=True)
    row = pc.index(pc.and_(pc.is_null(index), pc.is_valid(strings)), True).as_py()
    if row >= 0:
        raise DataError(
            f"{where}, row {row + 1}: expected one of {join_names(categories)}, found "
            f"{strings[row].as_py()!r}"
        )
    return index


def _example(strings: pa.ChunkedArray) -> tuple[int, str]:
    """Return row and text of the first string that is not a number, or else of the first string."""
    known = [(row, text) for row, text in enumerate(strings.to_pylist(), 1) if text is not None]
    return next(((row, text) for row, text in known if not _is_numeric(text)), known[0])


def _is_numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _numbers(where: str, values: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return float64 (n,), NaN where missing; numbers beyond float32 are refused."""
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        return np.full(len(values), np.nan)  # a column of strings or booleans without any value
    numbers: NDArray[np.float64] = pc.cast(values, pa.float64(), safe=False).to_numpy()
    outside = np.flatnonzero(np.abs(numbers) > FLOAT32_MAX)
    if len(outside):
        raise DataError(
            f"{where}, row {outside[0] + 1}: expected a number between ±{FLOAT32_MAX:.2g}, found "
            f"{numbers[outside[0]]:g}; correct it or mark it as missing"
        )
    return numbers


def _check_precision(where: str, values: pa.ChunkedArray, numbers: NDArray[np.float64]) -> None:
    ends = pc.min_max(values).as_py()  # exact; in float64 they may be equal
    rounding = np.nanmax(np.abs(numbers - numbers.astype(np.float32)))
    if ends["min"] != ends["max"] and rounding >= MAX_ROUNDING * np.nanstd(numbers):
        raise DataError(
            f"{where}: numbers from {ends['min']} to {ends['max']} are too close together for "
            "float32; subtract the lowest, or leave the column out with --exclude"
        )


def _integers(where: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    numbers = pc.cast(values, pa.float64()).to_numpy()
    decimal = np.flatnonzero((np.abs(numbers) > FLOAT64_EXACT) | (numbers != np.trunc(numbers)))
    if len(decimal):
        raise DataError(
            f"{where}, row {decimal[0] + 1}: expected classes as strings or integers, found "
            f"{numbers[decimal[0]]:g}; choose another target, or round it to integers"
        )
    return pa.chunked_array([pa.array(numbers.astype(np.int64))])
