"""The column to predict: its different values are the labels."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.data.dataset import Labels
from models.data.values import categories_of, index_of, is_number, is_whole, plain
from models.errors import DataError

EXACT = 2**53  # whole numbers up to here are exact in float64


def classes(where: str, values: pa.ChunkedArray) -> tuple[tuple[str, ...], Labels]:
    """Return the labels of an Arrow column, and for each row (n,) the index of its own.

    Texts are sorted, whole numbers by their value. A missing value, decimal numbers, and values of
    another type are `DataError`s; `where` begins their messages.
    """
    values = plain(where, values, advice="choose another target")
    if values.null_count:
        row = pc.index(pc.is_null(values), True).as_py() + 1
        raise DataError(f"{where}, row {row}: expected a class, found no value; remove the row")
    if is_number(values) and not is_whole(values):
        values = _whole(where, values)
    labels = categories_of(values)
    index: Labels = pc.cast(index_of(where, values, labels), pa.int64()).to_numpy()
    return labels, index


def _whole(where: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    numbers = pc.cast(values, pa.float64(), safe=False).to_numpy()
    decimal = np.flatnonzero((np.abs(numbers) > EXACT) | (numbers != np.trunc(numbers)))
    if len(decimal):
        raise DataError(
            f"{where}, row {decimal[0] + 1}: expected classes as texts or whole numbers, found the "
            f"decimal number {numbers[decimal[0]]:g}; choose another target, or round it to classes"
        )
    return pa.chunked_array([pa.array(numbers.astype(np.int64))])
