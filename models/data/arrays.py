"""NumPy `.npz` files: rows `x` and labels `y`, optionally with test rows `x_test` and `y_test`."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.data.columns import encode_column, encode_labels, infer_column
from models.data.dataset import FloatRows, LabelledData, Labels, Part, Schema
from models.errors import DataError, join_names
from service.contract import Column, Input

Numbers = NDArray[np.number]
Arrays = dict[str, NDArray[np.generic]]

UNREADABLE = (
    *(OSError, ValueError, KeyError, EOFError, NotImplementedError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error),
)


def read_arrays(path: Path, schema: Schema | None = None) -> LabelledData:
    """Read rows and labels, and the data's own test rows if the file has them.

    `x` of (n, columns) is a table, with columns named "0", "1", … and NaN for missing values. `x`
    of (n, height, width), (n, height, width, 1) or (n, height, width, 3) holds images: pixels of
    0–255 if uint8, else values without bounds. `y` (n,) holds integers, booleans or strings. With
    `schema`, a table's columns are encoded as in the network's training data.

    Pickled objects are never loaded. Raises `DataError`, which names the array, and the row counted
    from 1.
    """
    arrays = _load(path)
    x, labels, y = _numbers_and_labels(path.name, arrays, "x", "y")
    if x.ndim == 2:
        known = schema.input.columns if schema is not None else ()
        columns, rows = _table(path.name, x, known)
        row = Input(kind="table", shape=x.shape[1:], unit="value", columns=columns)
    else:
        row, rows = _image(x), _pixels(f"{path.name}: array 'x'", x)
    return LabelledData(
        name=path.name,
        input=row,
        labels=labels,
        rows=Part(x=rows, y=y),
        test=_test(path.name, arrays, row, labels) if "x_test" in arrays else None,
    )


def _load(path: Path) -> Arrays:
    try:
        with path.open("rb") as file:  # given a path, NumPy leaves a damaged file open
            loaded = np.load(file, allow_pickle=False)
            has_names = not isinstance(loaded, np.ndarray)
            arrays = {name: loaded[name] for name in loaded.files} if has_names else {}
    except UNREADABLE as error:
        raise DataError(
            f"{path.name}: cannot be read as an .npz file without pickled objects: {error}"
        ) from error
    if set(arrays) not in ({"x", "y"}, {"x", "y", "x_test", "y_test"}):
        raise DataError(
            f"{path.name}: expected the arrays x and y, and optionally x_test and y_test, found "
            f"{', '.join(sorted(arrays)) or 'none'}"
        )
    return arrays


def _numbers_and_labels(
    name: str, arrays: Arrays, x_name: str, y_name: str
) -> tuple[Numbers, tuple[str, ...], Labels]:
    """Return rows of two to four dimensions, the sorted labels, and each row's label index."""
    x, y = arrays[x_name], arrays[y_name]
    x_array, y_array = f"{name}: array {x_name!r}", f"{name}: array {y_name!r}"
    if x.dtype.kind not in "uif" or x.dtype.itemsize > 8:
        raise DataError(f"{x_array}: expected numbers, found {x.dtype}")
    if x.ndim not in (2, 3) and not (x.ndim == 4 and x.shape[3] in (1, 3)):
        raise DataError(
            f"{x_array}: expected the shape (rows, columns), (rows, height, width) or (rows, "
            f"height, width, 1 or 3), found {x.shape}"
        )
    if y.shape != (len(x),):
        raise DataError(
            f"{y_array}: expected the shape ({len(x)},), one label for each row of {x_name}, found "
            f"{y.shape}"
        )
    if x.size == 0:
        raise DataError(f"{x_array}: the array is empty, its shape is {x.shape}")
    if y.dtype.kind not in "uibU":
        raise DataError(f"{y_array}: expected integers, booleans or strings, found {y.dtype}")
    numbers: Numbers = x.astype(x.dtype.newbyteorder("="))
    labels, index = encode_labels(y_array, _arrow(y))
    return numbers.reshape(x.shape[:3] if x.shape[3:] == (1,) else x.shape), labels, index


def _arrow(values: NDArray[np.generic]) -> pa.ChunkedArray:
    native = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("=")))
    return pa.chunked_array([pa.array(native)])


def _table(
    name: str, x: Numbers, known: tuple[Column, ...]
) -> tuple[tuple[Column, ...], FloatRows]:
    if known and len(known) == x.shape[1]:
        return known, _encode(f"{name}: column", x, known)
    inferred = [
        infer_column(f"{name}: column {index}", str(index), _arrow(x[:, index]))
        for index in range(x.shape[1])
    ]
    return tuple(column for column, _ in inferred), np.stack([v for _, v in inferred], axis=1)


def _encode(where: str, x: Numbers, columns: tuple[Column, ...]) -> FloatRows:
    encoded = [
        encode_column(f"{where} {index}", column, _arrow(x[:, index]))
        for index, column in enumerate(columns)
    ]
    return np.stack(encoded, axis=1)


def _image(x: Numbers) -> Input:
    if x.dtype == np.uint8:
        return Input(kind="image", shape=x.shape[1:], unit="pixel", low=0, high=255)
    return Input(kind="image", shape=x.shape[1:], unit="value")


def _pixels(where: str, x: Numbers) -> FloatRows:
    flat = x.reshape(len(x), -1)
    with np.errstate(over="ignore"):  # numbers beyond float32 become infinite and are refused
        rows = flat.astype(np.float32)
    infinite = np.argwhere(~np.isfinite(rows))
    if len(infinite):
        row, value = infinite[0][0], flat[tuple(infinite[0])]
        raise DataError(
            f"{where}, row {row + 1}: expected finite numbers within float32's range, found "
            f"{value:g}"
        )
    return rows


def _test(name: str, arrays: Arrays, row: Input, labels: tuple[str, ...]) -> Part:
    """Return the test rows, encoded as the training rows described by `row` and `labels`."""
    x, test_labels, y = _numbers_and_labels(name, arrays, "x_test", "y_test")
    is_pixel = x.ndim > 2 and x.dtype == np.uint8
    if x.shape[1:] != row.shape or is_pixel != (row.unit == "pixel"):
        raise DataError(
            f"{name}: array 'x_test': expected rows of shape {row.shape} in the unit {row.unit!r} "
            f"as in x, found shape {x.shape[1:]} of {x.dtype}"
        )
    for label in test_labels:
        if label not in labels:
            raise DataError(
                f"{name}: array 'y_test': expected the labels of y ({join_names(labels)}), found "
                f"{label!r}"
            )
    where = f"{name}: array 'x_test'"
    is_table = row.kind == "table"
    rows = _encode(f"{where}, column", x, row.columns) if is_table else _pixels(where, x)
    return Part(x=rows, y=y).relabel(test_labels, labels)
