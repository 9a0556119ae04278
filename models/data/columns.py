"""One column of a table as float32: numbers stay themselves, categories become their index."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models.data.dataset import Column, FloatRows
from models.data.values import (
    categories_of,
    example,
    index_of,
    is_number,
    is_text,
    is_truth,
    is_whole,
    plain,
)
from models.errors import DataError

MAX_CATEGORIES = 100
TRUTH = ("false", "true")
FLOAT32_MAX = float(np.finfo(np.float32).max)
NUMBER = r"^\s*[+-]?([1-9][0-9]*|0)?\.?[0-9]*([eE][+-]?[0-9]+)?\s*$"
DISTINCT = 1e-3  # what float32 may lose of a number, in standard deviations of its column


def learned(where: str, name: str, values: pa.ChunkedArray) -> tuple[Column, FloatRows]:
    """Decide what an Arrow column (n,) is, and return it as float32 (n,), NaN where missing.

    Texts, truth values and whole numbers with a dictionary are categories, sorted. Values of
    another type, more than `MAX_CATEGORIES` categories, no value at all, and numbers that float32
    cannot hold or tell apart are `DataError`s; `where` begins their messages.
    """
    named = pa.types.is_dictionary(values.type)
    values = plain(where, values, advice="leave the column out with --without")
    if values.null_count == len(values):
        raise DataError(f"{where}: expected values, found none at all; leave the column out")
    if is_text(values):
        _check_texts(where, values)
    if is_text(values) or is_truth(values) or (named and is_whole(values)):
        column = Column(name=name, categories=_categories(where, values))
        return column, encoded(where, column, values)
    numbers = _numbers(where, values)
    _check_distinct(where, values, numbers)
    return Column(name=name), numbers.astype(np.float32)


def encoded(where: str, column: Column, values: pa.ChunkedArray) -> FloatRows:
    """Return an Arrow column (n,) as float32 (n,) in the numbers that `column` gives it."""
    values = plain(where, values, advice="write the column as for the training")
    if column.categories:
        index = pc.cast(index_of(where, values, column.categories), pa.float32())
        nan_where_missing: FloatRows = index.to_numpy()
        return nan_where_missing
    if is_text(values) and values.null_count < len(values):
        row, text = example(values)
        raise DataError(f"{where}, row {row}: expected a number, found the text {text!r}")
    if is_truth(values) and values.null_count < len(values):
        raise DataError(f"{where}: expected numbers, found truth values")
    return _numbers(where, values).astype(np.float32)


def _check_texts(where: str, values: pa.ChunkedArray) -> None:
    """Refuse a column of numbers that a few texts among them have made one of texts."""
    known = values.drop_null()
    numbers = pc.match_substring_regex(known, NUMBER)
    count = pc.sum(numbers).as_py()
    if 2 * count > len(known) > count:
        row, text = example(values)
        raise DataError(
            f"{where}, row {row}: expected a number as in most of the column's rows, found the "
            f"text {text!r}; correct it, or leave the cell empty if the value is missing"
        )


def _categories(where: str, values: pa.ChunkedArray) -> tuple[str, ...]:
    if is_truth(values):
        return TRUTH
    categories = categories_of(values)
    if len(categories) > MAX_CATEGORIES:
        such = repr(example(values)[1]) if is_text(values) else categories[0]
        raise DataError(
            f"{where}: expected numbers or at most {MAX_CATEGORIES} different texts, found "
            f"{len(categories)} texts such as {such}; leave the column out with --without"
        )
    return categories


def _numbers(where: str, values: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return float64 (n,), NaN where missing, all within the range of float32."""
    if not is_number(values):  # no value at all, whatever their type
        return np.full(len(values), np.nan)
    numbers: NDArray[np.float64] = pc.cast(values, pa.float64(), safe=False).to_numpy()
    outside = np.flatnonzero(np.abs(numbers) > FLOAT32_MAX)
    if len(outside):
        raise DataError(
            f"{where}, row {outside[0] + 1}: expected a number between ±{FLOAT32_MAX:.2g}, found "
            f"{numbers[outside[0]]:g}; correct it or mark it as missing"
        )
    return numbers


def _check_distinct(where: str, values: pa.ChunkedArray, numbers: NDArray[np.float64]) -> None:
    ends = pc.min_max(values).as_py()  # exact, where float64 may make them equal
    lost = np.nanmax(np.abs(numbers - numbers.astype(np.float32)))
    if ends["min"] != ends["max"] and lost >= DISTINCT * np.nanstd(numbers):
        raise DataError(
            f"{where}: expected numbers that float32 tells apart, found them from {ends['min']} "
            f"to {ends['max']}; subtract the lowest, or leave the column out"
        )
