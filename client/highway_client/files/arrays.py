"""Rows in JSON and in NumPy files."""

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from highway_client.description import Input
from highway_client.errors import FileError
from highway_client.files.arrow_files import needs_package
from highway_client.files.rows import FileRows
from highway_client.files.typed_tables import rows_of_table

INSTANCES = "instances"
ROWS = ("x", "images", "data")  # names of the array of rows in lower case, as in `highway train`

UNREADABLE = (
    *(OSError, ValueError, KeyError, EOFError, NotImplementedError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)


def read_instances(path: Path, row: Input) -> FileRows:
    """Read `{"instances": [row, …]}` or the list alone; the server checks the rows."""
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise FileError(f"{path}: expected a file to read, found {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path}: not JSON: {error}") from error
    rows = content.get(INSTANCES) if isinstance(content, dict) else content
    if not isinstance(rows, list) or not rows:
        raise FileError(
            f'{path}: expected {{"{INSTANCES}": [row, …]}} or a list of rows, found neither'
        )
    return FileRows.of_instances(rows, row.size)


def read_array(path: Path, row: Input) -> FileRows:
    """Read rows or a single row; from an `.npz` file the array `x`, or the only one.

    Grey images may have a last axis of one channel. The fields of a structured array are columns.
    """
    array = _array(path)
    if array.dtype.names is not None and array.ndim == 1 and row.kind == "table":
        return _structured(path, array, row)
    if array.shape[-3:] == (*row.shape, 1):
        array = array[..., 0]
    if array.shape in ((row.size,), row.shape):
        array = array[np.newaxis]
    if array.shape[1:] not in ((row.size,), row.shape) or not len(array):
        sizes = ", ".join(map(str, row.shape))
        forms = f"(rows, {row.size})" + (f" or (rows, {sizes})" if len(row.shape) > 1 else "")
        raise FileError(f"{path}: expected an array {forms}, found {array.shape}")
    if array.dtype.kind not in "fiub":
        raise FileError(f"{path}: expected an array of numbers, found one of {array.dtype}")
    if array.dtype.kind == "b":
        array = array.astype(np.float32)
    return FileRows.of_matrix(array.reshape(len(array), -1), row.size)


def _structured(path: Path, array: NDArray[Any], row: Input) -> FileRows:
    try:
        import pyarrow as pa
    except ModuleNotFoundError as error:
        raise needs_package(str(path), "read structured arrays", error) from error
    columns = {name: np.ascontiguousarray(array[name]) for name in array.dtype.names or ()}
    try:
        table = pa.table({name: pa.array(values) for name, values in columns.items()})
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise FileError(
            f"{path}: expected fields of numbers, strings or dates, found {array.dtype}"
        ) from error
    return rows_of_table(path, row, table)


def _array(path: Path) -> NDArray[Any]:
    try:
        # Given a path, NumPy leaves the file of a damaged archive open.
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded
            rows = [name for name in loaded.files if name.lower() in ROWS]
            if len(rows) == 1 or len(loaded.files) == 1:
                array: NDArray[Any] = loaded[(rows or loaded.files)[0]]
                return array
            found = ", ".join(map(repr, loaded.files)) or "none"
    except UNREADABLE as error:
        raise FileError(
            f"{path}: expected an array without pickled objects, found {error}"
        ) from error
    raise FileError(
        f"{path}: expected one array, or one named {' or '.join(map(repr, ROWS))}, found {found}"
    )
