"""What the values of an Arrow array are, and those that are categories as texts and indices."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from models.errors import DataError

SHOWN = 20  # more names than this in a message help nobody


def listed(names: Sequence[str]) -> str:
    """Return names as a message shows them."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def plain(where: str, values: pa.ChunkedArray, *, advice: str) -> pa.ChunkedArray:
    """Return numbers, texts or truth values without a dictionary, null where missing or NaN.

    Values of another type are a `DataError`; `where` begins its message and `advice` ends it.
    """
    if pa.types.is_dictionary(values.type):
        values = pc.cast(values, values.type.value_type)
    if not (is_number(values) or is_text(values) or is_truth(values) or is_null(values)):
        raise DataError(
            f"{where}: expected numbers, texts or truth values, found {values.type}; {advice}"
        )
    # Arrow computes little with these types.
    if pa.types.is_decimal(values.type):
        values = pc.cast(values, pa.float64(), safe=False)
    if pa.types.is_float16(values.type):
        values = pc.cast(values, pa.float32())
    if pa.types.is_string_view(values.type):
        values = pc.cast(values, pa.large_string())
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    return values


def is_number(values: pa.ChunkedArray) -> bool:
    """Say whether these are numbers of any kind."""
    return bool(
        pa.types.is_integer(values.type)
        or pa.types.is_floating(values.type)
        or pa.types.is_decimal(values.type)
    )


def is_whole(values: pa.ChunkedArray) -> bool:
    """Say whether these are numbers of a whole type."""
    return bool(pa.types.is_integer(values.type))


def is_text(values: pa.ChunkedArray) -> bool:
    """Say whether these are texts."""
    kind = values.type
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def is_truth(values: pa.ChunkedArray) -> bool:
    """Say whether these are truth values."""
    return bool(pa.types.is_boolean(values.type))


def is_null(values: pa.ChunkedArray) -> bool:
    """Say whether these are of no type, since all are missing."""
    return bool(pa.types.is_null(values.type))


def categories_of(values: pa.ChunkedArray) -> tuple[str, ...]:
    """Return the different values as texts, in the order of the values."""
    ordered = sorted(pc.unique(values.drop_null()).to_pylist())
    return tuple(_texts(pa.array(ordered, values.type)).to_pylist())


def index_of(where: str, values: pa.ChunkedArray, known: tuple[str, ...]) -> pa.ChunkedArray:
    """Return each value's index in `known`, null where missing; others are a `DataError`."""
    texts = _texts(values)
    index = pc.index_in(texts, value_set=pa.array(known, pa.large_string()), skip_nulls=True)
    row = pc.index(pc.and_(pc.is_null(index), pc.is_valid(texts)), True).as_py()
    if row >= 0:
        raise DataError(
            f"{where}, row {row + 1}: expected one of {listed(known)}, found {texts[row].as_py()!r}"
        )
    return index


def example(texts: pa.ChunkedArray) -> tuple[int, str]:
    """Return the row, from 1, and the text of the first that is no number, else of the first."""
    given = [(row, text) for row, text in enumerate(texts.to_pylist(), 1) if text is not None]
    return next(((row, text) for row, text in given if not _looks_numeric(text)), given[0])


def _texts(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(values, pa.large_string())


def _looks_numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
