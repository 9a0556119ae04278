"""Arrow columns as float32 values: numbers and dates are kept, categories become indices.

Every function raises `ColumnError`; its argument `where` begins the message, and rows count from 1.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from highway_client.files.cells import ISO
from numpy.typing import NDArray

from models.data.arrow_values import is_number, is_text, plain_values
from models.data.dataset import FloatRows
from models.data.dates import arrow_days, date_format, text_days
from models.data.precision import (
    check_decimals,
    check_integers,
    check_magnitude,
    check_spread,
    text_ends,
)
from models.data.remedies import ColumnError, Remedy
from models.data.selection import CATEGORY, DATE, NUMBER, PLAIN_TEXT
from models.data.strings import INTEGER, Strings
from models.data.text_kinds import (
    MAX_CATEGORIES,
    declared_numbers,
    text_kind,
    too_many_categories,
)
from models.errors import join_names
from service.contract import BOOLEAN_CATEGORIES, Column, TextFormat

FLOAT64_EXACT = 2**53  # all integers up to here are exact in float64
Numbers = NDArray[np.float64]


def infer_column(
    where: str,
    name: str,
    values: pa.ChunkedArray,
    *,
    declared: str | None = None,
    text: TextFormat = PLAIN_TEXT,
) -> tuple[Column, FloatRows]:
    """Decide whether an Arrow column (n,) holds numbers, dates or categories, and encode it.

    `declared` is the kind that the user gave. Without it booleans, dictionaries and strings that
    are neither numbers nor nearly numbers are categories, sorted by value. Refused are other types,
    more than `MAX_CATEGORIES` categories, a column without any value, and numbers that float32
    cannot represent or distinguish.
    """
    if pa.types.is_dictionary(values.type) and not pa.types.is_floating(values.type.value_type):
        declared = declared or CATEGORY
    left_out = Remedy(exclude=(name,))
    advice = f"leave the column out with {left_out}"
    values = plain_values(where, values, text, advice=advice, remedy=left_out)
    if values.null_count == len(values):
        raise ColumnError(
            f"{where}: the column has no values; leave it out with {left_out}", left_out
        )
    if is_text(values):
        column, numbers = _from_strings(where, name, Strings.of(values, text.decimal), declared)
    else:
        column, numbers = _from_typed(where, name, values, declared)
    return column, numbers.astype(np.float32)


def encode_column(
    where: str, column: Column, values: pa.ChunkedArray, *, text: TextFormat = PLAIN_TEXT
) -> FloatRows:
    """Return an Arrow column as float32 (n,): numbers, days, or indices of the categories.

    A missing value is NaN; an unknown category is refused.
    """
    advice = "write the column as in the training data"
    values = plain_values(where, values, text, advice=advice, remedy=None)
    if values.null_count == len(values):
        return np.full(len(values), np.nan, np.float32)
    if column.categories:
        numbers = _category_index(where, values, column)
    elif column.date is not None:
        numbers = _known_days(where, values, column.date, text)
    else:
        numbers = _known_numbers(where, values, column, text)
    return numbers.astype(np.float32)


def distinct(values: pa.ChunkedArray) -> tuple[str, ...]:
    """Return the distinct values as strings, sorted by value."""
    ordered = sorted(pc.unique(values.drop_null()).to_pylist())
    return tuple(pc.cast(pa.array(ordered, values.type), pa.large_string()).to_pylist())


def category_index(
    where: str, strings: pa.ChunkedArray, categories: tuple[str, ...]
) -> pa.ChunkedArray:
    """Return each string's index in `categories`, null if missing; other strings are refused."""
    index = pc.index_in(strings, value_set=pa.array(categories, pa.large_string()), skip_nulls=True)
    row = pc.index(pc.and_(pc.is_null(index), pc.is_valid(strings)), True).as_py()
    if row >= 0:
        raise ColumnError(
            f"{where}, row {row + 1}: expected one of {join_names(categories)}, found "
            f"{strings[row].as_py()!r}"
        )
    return index


def _from_strings(
    where: str, name: str, strings: Strings, declared: str | None
) -> tuple[Column, Numbers]:
    if declared is not None and declared.startswith(DATE):
        found = date_format(where, name, declared, strings)
        return _checked(
            where, name, Column(name=name, date=found), text_days(where, strings, found)
        )
    if declared == NUMBER:
        numbers, unit = declared_numbers(where, strings)
        check_magnitude(where, numbers, lambda row: strings.text(int(strings.index[row])))
        return _checked(where, name, Column(name=name, unit=unit), numbers)
    kind = declared or text_kind(where, name, strings)
    if kind == "number":
        return Column(name=name), _plain_numbers(where, name, strings)
    if kind == "boolean":
        booleans = strings.expand(np.array(strings.booleans, float))
        return Column(name=name, categories=BOOLEAN_CATEGORIES), booleans
    if len(strings) > MAX_CATEGORIES:
        raise too_many_categories(where, name, strings)
    categories = tuple(sorted(strings.distinct.to_pylist()))
    positions = np.array([categories.index(text) for text in strings.distinct.to_pylist()], float)
    return Column(name=name, categories=categories), strings.expand(positions)


def _plain_numbers(where: str, name: str, strings: Strings) -> Numbers:
    of_strings = strings.values()
    numbers = strings.expand(of_strings)
    check_magnitude(where, numbers, lambda row: strings.text(int(strings.index[row])))
    check_decimals(where, name, strings, of_strings)
    if strings.match(INTEGER).all():
        check_integers(where, name, [*{int(text) for text in strings.distinct.to_pylist()}])
    check_spread(where, name, numbers, lambda: text_ends(strings))
    return numbers


def _from_typed(
    where: str, name: str, values: pa.ChunkedArray, kind: str | None
) -> tuple[Column, Numbers]:
    if pa.types.is_timestamp(values.type):
        _refuse_kind(where, kind, DATE, "dates")
        days = arrow_days(where, values, Remedy(exclude=(name,)))
        return _checked(where, name, Column(name=name, date=ISO), days)
    if pa.types.is_boolean(values.type):
        _refuse_kind(where, kind, CATEGORY, "booleans")
        column = Column(name=name, categories=BOOLEAN_CATEGORIES)
        return column, _category_index(where, values, column)
    if kind == CATEGORY:
        return _typed_categories(where, name, values)
    _refuse_kind(where, kind, NUMBER, "numbers")
    numbers = _float64(where, values)
    if pa.types.is_integer(values.type) and kind is None:
        check_integers(where, name, pc.unique(values.drop_null()).to_pylist())
    return _checked(where, name, Column(name=name), numbers)


def _typed_categories(where: str, name: str, values: pa.ChunkedArray) -> tuple[Column, Numbers]:
    if pa.types.is_floating(values.type):
        values = integers(where, values, kind="categories", advice="declare it as a number")
    categories = distinct(values)
    if len(categories) > MAX_CATEGORIES:
        remedy = Remedy(exclude=(name,))
        raise ColumnError(
            f"{where}: expected at most {MAX_CATEGORIES} categories, found {len(categories)} such "
            f"as {categories[0]}; leave the column out with {remedy}",
            remedy,
        )
    column = Column(name=name, categories=categories)
    return column, _category_index(where, values, column)


def integers(where: str, values: pa.ChunkedArray, *, kind: str, advice: str) -> pa.ChunkedArray:
    """Return floating-point numbers as int64; decimal numbers are refused as `kind`."""
    numbers = pc.cast(values, pa.float64()).to_numpy()
    known = ~np.isnan(numbers)
    with np.errstate(invalid="ignore"):
        decimal = np.flatnonzero(
            known & ((np.abs(numbers) > FLOAT64_EXACT) | (numbers != np.trunc(numbers)))
        )
    if len(decimal):
        raise ColumnError(
            f"{where}, row {decimal[0] + 1}: expected {kind} as strings or integers, found "
            f"{numbers[decimal[0]]:g}; {advice}"
        )
    whole = np.where(known, numbers, 0).astype(np.int64)
    return pa.chunked_array([pa.array(whole, mask=~known)])


def _refuse_kind(where: str, declared: str | None, expected: str, found: str) -> None:
    if declared is not None and not declared.startswith(expected):
        raise ColumnError(
            f"{where}: declared as {declared}, but the file holds {found}; leave out the "
            "declaration"
        )


def _checked(where: str, name: str, column: Column, numbers: Numbers) -> tuple[Column, Numbers]:
    def ends() -> list[str]:
        known = numbers[~np.isnan(numbers)]
        return [f"{number:.17g}" for number in np.unique([known.min(), known.max()])]

    check_spread(where, name, numbers, ends)
    return column, numbers


def _float64(where: str, values: pa.ChunkedArray) -> Numbers:
    """Return numbers as float64 (n,), NaN where missing."""
    numbers: Numbers = pc.cast(values, pa.float64(), safe=False).to_numpy()
    check_magnitude(where, numbers, lambda row: repr(values[row].as_py()))
    return numbers


def _category_index(where: str, values: pa.ChunkedArray, column: Column) -> Numbers:
    """Return the index of each value's category (n,), NaN where missing."""
    if pa.types.is_floating(values.type):
        values = integers(where, values, kind="categories", advice="correct it")
    if pa.types.is_timestamp(values.type):
        raise ColumnError(f"{where}: expected one of {join_names(column.categories)}, found dates")
    strings = pc.cast(values, pa.large_string())
    if column.is_boolean and is_text(values):
        strings = _boolean_words(strings)
    index = category_index(where, strings, column.categories)
    return np.asarray(pc.cast(index, pa.float64()).to_numpy())


def _boolean_words(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return true or 1 and false or 0, in any case, as the words; other strings as they are."""
    strings = Strings.of(values, ".")
    words = [
        text if value is None else BOOLEAN_CATEGORIES[value]
        for text, value in zip(strings.distinct.to_pylist(), strings.booleans, strict=True)
    ]
    known = pa.array(words, pa.large_string())
    return pa.chunked_array([known.take(pa.array(strings.index, mask=strings.index < 0))])


def _known_days(where: str, values: pa.ChunkedArray, date_format: str, text: TextFormat) -> Numbers:
    if pa.types.is_timestamp(values.type):
        return arrow_days(where, values)
    if not is_text(values):
        raise ColumnError(f"{where}: expected dates, found {values.type}")
    return text_days(where, Strings.of(values, text.decimal), date_format)


def _known_numbers(
    where: str, values: pa.ChunkedArray, column: Column, text: TextFormat
) -> Numbers:
    if is_number(values):
        return _float64(where, values)
    if not is_text(values):
        found = "booleans" if pa.types.is_boolean(values.type) else "dates"
        raise ColumnError(f"{where}: expected numbers, found {found}")
    strings = Strings.of(values, text.decimal)
    if dict(text.columns).get(column.name) == NUMBER:
        numbers, unit = declared_numbers(where, strings)
        if unit not in ("", column.unit):
            raise ColumnError(
                f"{where}, row {strings.row(0)}: expected numbers in the unit {column.unit!r} of "
                f"the training data, found {strings.text(0)!r}"
            )
    else:
        strange = np.flatnonzero(~strings.are_numbers)
        if len(strange):
            position = int(strange[0])
            raise ColumnError(
                f"{where}, row {strings.row(position)}: expected a number, found "
                f"{strings.text(position)!r}"
            )
        numbers = strings.expand(strings.values())
    check_magnitude(where, numbers, lambda row: strings.text(int(strings.index[row])))
    return numbers
