"""Data in memory: data frames, Arrow tables and NumPy arrays."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.interchange as interchange
from numpy.typing import NDArray

from models.data.arrays import labelled_arrays
from models.data.dataset import LabelledData, Schema
from models.data.frames import open_frame
from models.data.opened_table import OpenedTable
from models.data.selection import Selection
from models.data.source import KINDS, Source, refuse_table_options
from models.data.table import table_rows
from models.errors import DataError, first_line

FRAME, ARRAYS = "data frame", "arrays"  # the names of such data
TARGET = "target"  # the column of labels beside a data frame, if they have no name


@runtime_checkable
class ArrowStream(Protocol):
    """A table of any library with the Arrow PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return a capsule with a stream of record batches."""


@runtime_checkable
class Interchange(Protocol):
    """A data frame of any library with the interchange protocol."""

    def __dataframe__(self, nan_as_null: bool = False, allow_copy: bool = True) -> object:
        """Return the interchange object."""


Frame: TypeAlias = pd.DataFrame | ArrowStream | Interchange
# A path or a name, a data frame, rows and labels, or arrays by name as in an .npz file.
AnyData: TypeAlias = str | Path | Frame | tuple[Any, Any] | Mapping[str, Any]


def read_memory(data: object, source: Source, schema: Schema | None) -> LabelledData:
    """Read rows as those of a file; `source` has the options. Raises `DataError`."""
    if isinstance(data, tuple) and len(data) == 2 and _is_frame(data[0]):
        return _with_labels(*data, source, schema)
    if _is_frame(data):
        return table_rows(_open(data, source), source.selection, schema)
    if isinstance(data, tuple) and len(data) == 2:
        data = {"x": data[0], "y": data[1]}
    if not isinstance(data, Mapping):
        raise DataError(
            f"data: expected {KINDS}, a data frame, rows and labels (x, y), or arrays by name, "
            f"found {_kind(data)}"
        )
    arrays = {str(name): _array(str(name), values) for name, values in data.items()}
    labelled = labelled_arrays(ARRAYS, arrays, schema)
    refuse_table_options(source, ARRAYS)
    return labelled if schema is None else schema.align(labelled)


def _is_frame(data: object) -> bool:
    return isinstance(data, pd.DataFrame | ArrowStream | Interchange)


def _with_labels(frame: Any, labels: Any, source: Source, schema: Schema | None) -> LabelledData:
    """Read a data frame with its labels (n,), which become its last column."""
    if source.target is not None:
        raise DataError("target: has no effect with labels beside the data frame; leave it out")
    opened = _open(frame, source)
    name = str(getattr(labels, "name", None) or TARGET)
    if name in opened.table.column_names:
        raise DataError(f"{FRAME}: column {name!r} is also the name of the labels; rename one")
    values = _array("y", labels)
    if values.shape != (opened.table.num_rows,):
        raise DataError(
            f"{FRAME}: expected labels of the shape ({opened.table.num_rows},), one for each row, "
            f"found {values.shape}"
        )
    column = pa.array(pd.Series(values), from_pandas=True)
    opened = OpenedTable.of(FRAME, opened.table.append_column(name, column), notes=opened.notes)
    selection = Selection(target=name, exclude=source.selection.exclude, text=source.text)
    return table_rows(opened, selection, schema)


def _open(frame: Any, source: Source) -> OpenedTable:
    if isinstance(frame, pd.DataFrame):
        return open_frame(frame, FRAME, source.text)
    try:
        if isinstance(frame, ArrowStream):
            return OpenedTable.typed(FRAME, _without_views(pa.table(frame)), source.text)
        return OpenedTable.typed(FRAME, interchange.from_dataframe(frame), source.text)
    except (pa.ArrowException, ValueError, TypeError, NotImplementedError) as error:
        raise DataError(f"{FRAME}: cannot be converted to Arrow: {first_line(error)}") from error


def _without_views(table: pa.Table) -> pa.Table:
    """Cast strings that are views, as polars passes them, to those of a file."""
    fields = [
        field.with_type(pa.large_string()) if pa.types.is_string_view(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))


def _array(name: str, values: object) -> NDArray[np.generic]:
    """Return values as an array; Python's strings become NumPy's."""
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{ARRAYS}: {name!r} is not an array: {first_line(error)}") from error
    if array.dtype.kind in ("O", "T") and all(isinstance(value, str) for value in array.flat):
        return array.astype(str)
    return array


def _kind(data: object) -> str:
    if isinstance(data, tuple):
        return f"a tuple of {len(data)}"
    return f"{type(data).__module__}.{type(data).__qualname__}".removeprefix("builtins.")
