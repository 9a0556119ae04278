"""NumPy's .npz files: rows `x` and labels `y`, and further ones for the test if there are any."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.data.columns import encoded, learned
from models.data.dataset import Column, FloatRows, InputSpec, Labelled, Labels, Part
from models.data.schema import Schema
from models.data.target import classes
from models.data.values import listed
from models.errors import DataError

Numbers = NDArray[np.number]

UNREADABLE = (
    *(OSError, ValueError, KeyError, EOFError, NotImplementedError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error),
)


def read_arrays(path: Path, like: Schema | None = None) -> Labelled:
    """Read `x` and `y`, and as the data's own test `x_test` and `y_test`.

    With `like`, a table's columns are read as those that the network was trained on.

    `x` is (n, columns) for a table, whose columns are named "0", "1", …, with NaN where a value is
    missing; or (n, height, width), with 1 or 3 colours as a fourth dimension, for images: pixels
    0–255 if of uint8, else values without bounds. `y` (n,) holds whole numbers, truth values or
    texts. Nothing pickled is read. Every fault is a `DataError` that names the array, and the row,
    counted from 1.
    """
    arrays = _arrays(path)
    x, labels, y = _labelled(path.name, arrays, "x", "y")
    if x.ndim == 2:
        known = like.input.columns if like is not None else ()
        columns, rows = _table(path.name, x, known)
        spec = InputSpec(kind="table", shape=x.shape[1:], unit="value", columns=columns)
    else:
        spec, rows = _image(x), _pixels(f"{path.name}: array 'x'", x)
    return Labelled(
        name=path.name,
        input=spec,
        labels=labels,
        rows=Part(x=rows, y=y),
        test=_test(path.name, arrays, spec, labels) if "x_test" in arrays else None,
    )


def _arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        # By an open file, for given a path NumPy leaves that of a broken one open.
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            named = not isinstance(loaded, np.ndarray)
            arrays = {name: loaded[name] for name in loaded.files} if named else {}
    except UNREADABLE as error:
        raise DataError(
            f"{path.name}: expected a whole .npz file without pickled objects, found {error}"
        ) from error
    if set(arrays) not in ({"x", "y"}, {"x", "y", "x_test", "y_test"}):
        raise DataError(
            f"{path.name}: expected the arrays x and y, and perhaps x_test and y_test, found "
            f"{', '.join(sorted(arrays)) or 'none'}"
        )
    return arrays


def _labelled(
    name: str, arrays: dict[str, NDArray[np.generic]], x_name: str, y_name: str
) -> tuple[Numbers, tuple[str, ...], Labels]:
    """Return rows of two to four dimensions, the labels in order, and each row's label."""
    x, y = arrays[x_name], arrays[y_name]
    if x.dtype.kind not in "uif" or x.dtype.itemsize > 8:
        raise DataError(f"{name}: array {x_name!r}: expected numbers, found {x.dtype}")
    if x.ndim not in (2, 3) and not (x.ndim == 4 and x.shape[3] in (1, 3)):
        raise DataError(
            f"{name}: array {x_name!r}: expected (rows, columns), (rows, height, width) or (rows, "
            f"height, width, 1 or 3), found {x.shape}"
        )
    if y.shape != (len(x),):
        raise DataError(
            f"{name}: array {y_name!r}: expected {len(x)} labels, one for each row of {x_name}, "
            f"found the shape {y.shape}"
        )
    if x.size == 0:
        raise DataError(f"{name}: array {x_name!r}: expected rows of values, found {x.shape}")
    if y.dtype.kind not in "uibU":
        raise DataError(
            f"{name}: array {y_name!r}: expected classes as whole numbers, truth values or texts, "
            f"found {y.dtype}"
        )
    numbers: Numbers = x.astype(x.dtype.newbyteorder("="))
    labels, index = classes(f"{name}: array {y_name!r}", _arrow(y))
    return numbers.reshape(x.shape[:3] if x.shape[3:] == (1,) else x.shape), labels, index


def _arrow(values: NDArray[np.generic]) -> pa.ChunkedArray:
    native = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("=")))
    return pa.chunked_array([pa.array(native)])


def _table(
    name: str, x: Numbers, known: tuple[Column, ...]
) -> tuple[tuple[Column, ...], FloatRows]:
    if known and len(known) == x.shape[1]:
        return known, _encoded(f"{name}: column", x, known)
    read = [
        learned(f"{name}: column {index}", str(index), _arrow(x[:, index]))
        for index in range(x.shape[1])
    ]
    return tuple(column for column, _ in read), np.stack([values for _, values in read], axis=1)


def _encoded(where: str, x: Numbers, columns: tuple[Column, ...]) -> FloatRows:
    return np.stack(
        [
            encoded(f"{where} {index}", column, _arrow(x[:, index]))
            for index, column in enumerate(columns)
        ],
        axis=1,
    )


def _image(x: Numbers) -> InputSpec:
    if x.dtype == np.uint8:
        return InputSpec(kind="image", shape=x.shape[1:], unit="pixel", low=0, high=255)
    return InputSpec(kind="image", shape=x.shape[1:], unit="value")


def _pixels(where: str, x: Numbers) -> FloatRows:
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused
        rows = x.reshape(len(x), -1).astype(np.float32)
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise DataError(
            f"{where}, row {int(finite.argmin()) + 1}: expected finite numbers, found nan, inf or "
            "one beyond float32"
        )
    return rows


def _test(
    name: str, arrays: dict[str, NDArray[np.generic]], spec: InputSpec, labels: tuple[str, ...]
) -> Part:
    """Return the rows of the test, which must be like those of `spec` and `labels`."""
    x, test_labels, y = _labelled(name, arrays, "x_test", "y_test")
    pixels = x.ndim > 2 and x.dtype == np.uint8
    if x.shape[1:] != spec.shape or pixels != (spec.unit == "pixel"):
        raise DataError(
            f"{name}: array 'x_test': expected rows like those of x, found {x.shape} of {x.dtype}"
        )
    for label in test_labels:
        if label not in labels:
            raise DataError(
                f"{name}: array 'y_test': expected the labels of y ({listed(labels)}), found "
                f"{label!r}"
            )
    if spec.kind == "table":
        table = _encoded(f"{name}: array 'x_test', column", x, spec.columns)
        return Part(x=table, y=_renumbered(y, test_labels, labels))
    rows = _pixels(f"{name}: array 'x_test'", x)
    return Part(x=rows, y=_renumbered(y, test_labels, labels))


def _renumbered(y: Labels, own: tuple[str, ...], labels: tuple[str, ...]) -> Labels:
    return np.array([labels.index(label) for label in own], np.int64)[y]
