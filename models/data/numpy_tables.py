"""NumPy `.npy` files as tables: a structured array, or numbers in columns "0", "1" and so on."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from models.data.opened_table import OpenedTable
from models.errors import DataError
from service.contract import TextFormat

SUFFIX = ".npy"
UNREADABLE = (OSError, ValueError, EOFError, MemoryError, SyntaxError)


def open_array(path: Path, text: TextFormat) -> OpenedTable:
    """Read an array without pickled objects; each field or column of it becomes a column."""
    try:
        with path.open("rb") as file:
            array = np.load(file, allow_pickle=False)
    except UNREADABLE as error:
        raise DataError(
            f"{path.name}: cannot be read as a .npy file without pickled objects: {error}"
        ) from error
    if not isinstance(array, np.ndarray):
        raise DataError(f"{path.name}: this is an .npz file; give it that suffix")
    if array.dtype.names is not None and array.ndim == 1:
        columns = {name: array[name] for name in array.dtype.names}
    elif array.dtype.kind in "iufb" and array.ndim == 2:
        columns = {str(index): array[:, index] for index in range(array.shape[1])}
    else:
        raise DataError(
            f"{path.name}: expected a structured array, or numbers of shape (rows, columns), found "
            f"{array.dtype} of shape {array.shape}; save images as an .npz file of x and y"
        )
    table = pa.table({name: _column(path.name, name, values) for name, values in columns.items()})
    return OpenedTable.typed(path.name, table, text)


def _column(file: str, name: str, values: np.ndarray) -> pa.Array:
    native = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("=")))
    if native.dtype.kind == "S":
        native = _decoded(file, name, native)
    try:
        return pa.array(native)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise DataError(
            f"{file}: column {name!r}: expected numbers, strings or dates, found {values.dtype}"
        ) from error


def _decoded(file: str, name: str, values: np.ndarray) -> np.ndarray:
    try:
        return np.char.decode(values, "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file}: column {name!r}: expected text in UTF-8, found {error.object!r}; save it as "
            "str"
        ) from error
