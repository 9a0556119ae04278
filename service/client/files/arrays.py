"""Rows in NumPy's files."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.client.errors import FileError
from service.client.files.rows import FileRows
from service.contract import Input

ROWS = "x"  # the name that the project gives to rows, as in `python -m models train`

UNREADABLE = (
    *(OSError, ValueError, KeyError, EOFError, NotImplementedError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)


def read_array(path: Path, row: Input) -> FileRows:
    """Read rows, or one of them alone; of an `.npz` the array `x`, or the only one there is."""
    array = _array(path)
    if array.shape in ((row.size,), row.shape):
        array = array[np.newaxis]
    if array.shape[1:] not in ((row.size,), row.shape) or not len(array):
        lines = ", ".join(map(str, row.shape))
        forms = f"(rows, {row.size})" + (f" or (rows, {lines})" if len(row.shape) > 1 else "")
        raise FileError(f"{path}: expected an array {forms}, found {array.shape}")
    return FileRows(rows=array)


def _array(path: Path) -> NDArray[Any]:
    try:
        # By an open file, for given a path NumPy leaves that of a broken one open.
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded
            names = loaded.files
            if ROWS in names or len(names) == 1:
                array: NDArray[Any] = loaded[ROWS if ROWS in names else names[0]]
                return array
    except UNREADABLE as error:
        raise FileError(
            f"{path}: expected an array without pickled objects, found {error}"
        ) from error
    raise FileError(
        f"{path}: expected one array, or one named {ROWS!r}, found {', '.join(names) or 'none'}"
    )
