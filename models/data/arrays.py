"""NumPy arrays of rows and labels, in an `.npz` file or as `.npy` files in one folder."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.data.array_names import Pair, pair_names
from models.data.columns import encode_column, infer_column
from models.data.dataset import FloatRows, LabelledData, Labels, Part, Schema
from models.data.folders import TEST, TRAIN, VALIDATION
from models.data.labels import encode_labels
from models.data.magnitude import MAX_MAGNITUDE, MAX_ROUNDING
from models.data.remedies import ColumnError
from models.errors import DataError, join_names
from service.contract import Column, Input

Numbers = NDArray[np.number]
Arrays = dict[str, NDArray[np.generic]]

OWN_NAMES = {"x", "y", "x_test", "y_test"}  # their meaning needs no note
UNREADABLE = (
    *(OSError, ValueError, KeyError, EOFError, NotImplementedError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, SyntaxError),
)


def is_array_folder(folder: Path) -> bool:
    """Return whether the folder holds any `.npy` file."""
    return bool(_array_files(folder))


def read_arrays(path: Path, schema: Schema | None = None) -> LabelledData:
    """Read rows and labels, and the data's own validation and test rows if there are any.

    Rows of (n, columns) are a table, with columns named "0", "1", … and NaN for missing values.
    Rows of (n, height, width), (n, height, width, 1) or (n, height, width, 3) are images: pixels of
    0–255 if uint8, else values without bounds. Labels (n,) or (n, 1) are integers, booleans or
    strings, or one-hot (n, classes). With `schema`, a table's columns are encoded as in the
    network's training data.

    Pickled objects are never loaded. Raises `DataError`, which names the array, and the row counted
    from 1.
    """
    return labelled_arrays(path.name, _load_folder(path) if path.is_dir() else _load(path), schema)


def labelled_arrays(file: str, arrays: Arrays, schema: Schema | None = None) -> LabelledData:
    """Return the rows and labels of named arrays; see `read_arrays`."""
    pairs = pair_names(file, arrays)
    train = _examples(file, arrays, pairs[TRAIN])
    x = train.x
    if x.ndim == 2:
        known = schema.input.columns if schema is not None else ()
        columns, rows = _table(file, x, known)
        row = Input(kind="table", shape=x.shape[1:], unit="value", columns=columns)
    else:
        where = f"{file}: array {train.name!r}"
        row, rows = _image(x), _pixels(where, x)
        if x.dtype.itemsize > rows.itemsize:
            _check_precision(where, x, rows)
    held_out = {
        part: _examples(file, arrays, pair) for part, pair in pairs.items() if part != TRAIN
    }
    parts = {part: _held_out(file, other, train, row) for part, other in held_out.items()}
    notes = [note for each in (train, *held_out.values()) for note in each.notes]
    return LabelledData(
        name=file,
        input=row,
        labels=train.labels,
        rows=Part(x=rows, y=train.y),
        validation=parts.get(VALIDATION),
        test=parts.get(TEST),
        notes=tuple(f"{file}: {note}" for note in (*_names_note(pairs), *notes)),
    )


def _names_note(pairs: dict[str, Pair]) -> tuple[str, ...]:
    if {name for pair in pairs.values() for name in pair.values()} <= OWN_NAMES:
        return ()
    read = [f"{pair['rows']!r} and {pair['labels']!r} as {part}" for part, pair in pairs.items()]
    return (f"read {', '.join(read)} rows and labels",)


def _load(path: Path) -> Arrays:
    try:
        with path.open("rb") as file:  # given a path, NumPy leaves a damaged file open
            loaded = np.load(file, allow_pickle=False)
            has_names = not isinstance(loaded, np.ndarray)
            return {name: loaded[name] for name in loaded.files} if has_names else {}
    except UNREADABLE as error:
        raise DataError(
            f"{path.name}: cannot be read as an .npz file without pickled objects: {error}"
        ) from error


def _array_files(folder: Path) -> list[Path]:
    return [
        path for path in folder.glob("*.npy") if path.is_file() and not path.name.startswith(".")
    ]


def _load_folder(folder: Path) -> Arrays:
    return {path.stem: _load_array(path) for path in _array_files(folder)}


def _load_array(path: Path) -> NDArray[np.generic]:
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
    except UNREADABLE as error:
        raise DataError(
            f"{path.parent.name}/{path.name}: cannot be read as an .npy file without pickled "
            f"objects: {error}"
        ) from error
    if not isinstance(loaded, np.ndarray):
        raise DataError(
            f"{path.parent.name}/{path.name}: this is an .npz file; give it that suffix"
        )
    return loaded


@dataclass(frozen=True, kw_only=True)
class _Examples:
    """Rows of two to four dimensions, the sorted labels, and each row's label index."""

    name: str  # of the array of rows
    labels_name: str
    x: Numbers
    labels: tuple[str, ...]
    y: Labels
    notes: tuple[str, ...]


def _examples(file: str, arrays: Arrays, pair: Pair) -> _Examples:
    name, labels_name = pair["rows"], pair["labels"]
    x, x_notes = _rows(f"{file}: array {name!r}", arrays[name], name)
    where = f"{file}: array {labels_name!r}"
    y, y_notes = _one_label_each(where, arrays[labels_name], labels_name, rows=name, count=len(x))
    labels, index = encode_labels(where, _arrow(y))
    return _Examples(
        name=name, labels_name=labels_name, x=x, labels=labels, y=index, notes=x_notes + y_notes
    )


def _rows(where: str, x: NDArray[np.generic], name: str) -> tuple[Numbers, tuple[str, ...]]:
    """Return the rows with channels last, or without if they are grey, and a note on a change."""
    if x.dtype.kind not in "uif" or x.dtype.itemsize > 8:
        raise DataError(f"{where}: expected numbers, found {x.dtype}")
    notes: tuple[str, ...] = ()
    if x.ndim == 4 and x.shape[1] in (1, 3) and x.shape[3] > 4:
        notes = (f"read {name!r} of shape {x.shape} as (rows, channels, height, width)",)
        x = np.moveaxis(x, 1, 3)
    if x.ndim not in (2, 3) and not (x.ndim == 4 and x.shape[3] in (1, 3)):
        raise DataError(
            f"{where}: expected the shape (rows, columns), (rows, height, width) or (rows, height, "
            f"width, 1 or 3), found {x.shape}"
        )
    if x.size == 0:
        raise DataError(f"{where}: the array is empty, its shape is {x.shape}")
    numbers: Numbers = x.astype(x.dtype.newbyteorder("="))
    return numbers.reshape(x.shape[:3] if x.shape[3:] == (1,) else x.shape), notes


def _one_label_each(
    where: str, y: NDArray[np.generic], name: str, *, rows: str, count: int
) -> tuple[NDArray[np.generic], tuple[str, ...]]:
    """Return labels (n,) from (n,), (n, 1) or one-hot (n, classes), and a note on the last."""
    notes: tuple[str, ...] = ()
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    elif y.ndim == 2 and len(y) == count and _is_flags(y):
        several = np.flatnonzero(y.astype(int).sum(axis=1) != 1)
        if len(several):
            row = several[0]
            raise DataError(
                f"{where}, row {row + 1}: expected exactly one label for each row of {rows!r}, "
                f"found {y[row].astype(int).sum()} of {y.shape[1]} set; choose one label a row"
            )
        notes = (f"read {name!r} of shape {y.shape} as one-hot labels",)
        y = y.argmax(axis=1)
    if y.shape != (count,):
        raise DataError(
            f"{where}: expected the shape ({count},), one label for each row of {rows!r}, found "
            f"{y.shape}"
        )
    if y.dtype.kind not in "uibU":
        raise DataError(f"{where}: expected integers, booleans or strings, found {y.dtype}")
    return y, notes


def _is_flags(y: NDArray[np.generic]) -> bool:
    return y.dtype.kind in "uifb" and y.shape[1] > 1 and bool(np.isin(y, (0, 1)).all())


def _arrow(values: NDArray[np.generic]) -> pa.ChunkedArray:
    native = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("=")))
    return pa.chunked_array([pa.array(native)])


def _table(
    name: str, x: Numbers, known: tuple[Column, ...]
) -> tuple[tuple[Column, ...], FloatRows]:
    if known and len(known) == x.shape[1]:
        return known, _encode(f"{name}: column", x, known)
    with _without_options():
        inferred = [
            infer_column(f"{name}: column {index}", str(index), _arrow(x[:, index]))
            for index in range(x.shape[1])
        ]
    return tuple(column for column, _ in inferred), np.stack([v for _, v in inferred], axis=1)


def _encode(where: str, x: Numbers, columns: tuple[Column, ...]) -> FloatRows:
    with _without_options():
        encoded = [
            encode_column(f"{where} {index}", column, _arrow(x[:, index]))
            for index, column in enumerate(columns)
        ]
    return np.stack(encoded, axis=1)


@contextmanager
def _without_options() -> Iterator[None]:
    """Replace the advice of a column's error: the options of tables do not apply to arrays."""
    try:
        yield
    except ColumnError as error:
        problem = str(error).partition(";")[0]
        raise DataError(f"{problem}; change the array, or remove the column from it") from error


def _image(x: Numbers) -> Input:
    if x.dtype == np.uint8:
        return Input(kind="image", shape=x.shape[1:], unit="pixel", low=0, high=255)
    return Input(kind="image", shape=x.shape[1:], unit="value")


def _pixels(where: str, x: Numbers) -> FloatRows:
    flat = x.reshape(len(x), -1)
    if x.dtype.kind == "f":
        _check_magnitude(where, flat)
    return flat.astype(np.float32)


def _check_magnitude(where: str, flat: Numbers) -> None:
    outside = np.argwhere(~(np.abs(flat) <= MAX_MAGNITUDE))
    if len(outside):
        row, value = outside[0][0], flat[tuple(outside[0])]
        raise DataError(
            f"{where}, row {row + 1}: expected finite numbers of at most {MAX_MAGNITUDE:g}, found "
            f"{value:g}; correct it or remove the row"
        )


def _check_precision(where: str, x: Numbers, rows: FloatRows) -> None:
    """Refuse numbers whose differences float32 loses."""
    rounding = np.abs(x.reshape(rows.shape) - rows).max()
    lowest, highest = x.min(), x.max()
    if lowest < highest and rounding >= MAX_ROUNDING * x.std():
        raise DataError(
            f"{where}: numbers from {lowest} to {highest} are too close together for float32; "
            "subtract their mean and divide by their standard deviation"
        )


def _held_out(file: str, examples: _Examples, train: _Examples, row: Input) -> Part:
    """Return validation or test rows, encoded as the training rows described by `row`."""
    x, where = examples.x, f"{file}: array {examples.name!r}"
    is_pixel = x.ndim > 2 and x.dtype == np.uint8
    if x.shape[1:] != row.shape or is_pixel != (row.unit == "pixel"):
        raise DataError(
            f"{where}: expected rows of shape {row.shape} in the unit {row.unit!r} as in "
            f"{train.name!r}, found shape {x.shape[1:]} of {x.dtype}"
        )
    for label in examples.labels:
        if label not in train.labels:
            raise DataError(
                f"{file}: array {examples.labels_name!r}: expected the labels of "
                f"{train.labels_name!r} ({join_names(train.labels)}), found {label!r}"
            )
    is_table = row.kind == "table"
    rows = _encode(f"{where}, column", x, row.columns) if is_table else _pixels(where, x)
    return Part(x=rows, y=examples.y).relabel(examples.labels, train.labels)
