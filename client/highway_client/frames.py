"""Data frames; the only module that imports pandas, which the extra `notebook` installs.

Rows may be a frame of pandas, or of any library that has Arrow's PyCapsule interface (polars,
pyarrow, DuckDB) or the data frame interchange protocol.
"""

import sys
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from highway_client.column_names import column_indices, other_names, repeated_name
from highway_client.description import Column, Input
from highway_client.errors import ArgumentError, ExtraError
from highway_client.json_values import FloatArray, unreadable

if TYPE_CHECKING:
    from pandas import DataFrame as DataFrame  # re-exported for annotations
    from pandas import Index as Index


@runtime_checkable
class ArrowStream(Protocol):
    """A table that can be read by Arrow's PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the capsule."""


@runtime_checkable
class Interchange(Protocol):
    """A table that can be read by the data frame interchange protocol."""

    def __dataframe__(self, nan_as_null: bool = False, allow_copy: bool = True) -> object:
        """Return the frame of the protocol."""


Frame = ArrowStream | Interchange


def is_frame(rows: object) -> bool:
    """Return whether rows are a data frame or another table of named columns."""
    return isinstance(rows, ArrowStream | Interchange) and not is_series(rows)


def is_series(row: object) -> bool:
    """Return whether this is a series of pandas, which the client need not import for it."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(row, pandas.Series)


def frame_of_series(row: Any) -> Frame:
    """Return a row of a pandas frame, such as `frame.iloc[0]`, as a frame of one row."""
    return row.to_frame().T.infer_objects()  # type: ignore[no-any-return]


def index_of(rows: object) -> "Index | None":
    """Return the index of the rows of a pandas frame."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(rows, pandas.DataFrame):
        return None
    return rows.index


def arrow_table(rows: Frame) -> Any:
    """Return a frame as an Arrow table, without the index of pandas."""
    check_pyarrow()
    import pyarrow

    try:
        if index_of(rows) is not None:
            return pyarrow.Table.from_pandas(rows, preserve_index=False)
        if isinstance(rows, ArrowStream):
            return pyarrow.RecordBatchReader.from_stream(rows).read_all()
        from pyarrow.interchange import from_dataframe

        return from_dataframe(rows)
    except (
        pyarrow.ArrowException,
        ValueError,
        TypeError,
        OverflowError,
        NotImplementedError,
    ) as error:
        reason = " ".join(map(str, reversed(error.args))).partition("\n")[0]
        raise ArgumentError(
            "rows: expected a data frame whose columns have unique names and one type each, found "
            f"one that Arrow cannot read: {reason}"
        ) from error


def encode(rows: Frame, row: Input) -> FloatArray:
    """Return the rows of a frame as numbers that the model reads, float32 (rows, features).

    A frame for a table has the model's columns by name, in any order, and no others; one for images
    has a column for each value. What cannot be sent is an `ArgumentError` with row and column.
    """
    table = arrow_table(rows)
    from highway_client.arrow_columns import ColumnError, encode_columns

    columns = row.columns or _value_columns(table.column_names, row)
    values = [table.column(index) for index in _indices(table.column_names, columns)]
    if not table.num_rows:
        raise ArgumentError("rows: expected at least one row, found an empty data frame")
    try:
        matrix = encode_columns(values, columns, row.text)
    except ColumnError as error:
        where = "rows" if error.row is None else f"rows[{error.row}]"
        raise ArgumentError(f"{where}[{error.column!r}]: {error}") from error
    _check_image(matrix, row)
    return matrix


def check_pandas() -> None:
    """Raise an `ExtraError` if pandas or pyarrow is not installed."""
    try:
        import pandas as pandas
        import pyarrow as pyarrow
    except ModuleNotFoundError as error:
        raise _no_extra(error) from error


def check_pyarrow() -> None:
    """Raise an `ExtraError` if pyarrow is not installed."""
    try:
        import pyarrow as pyarrow
    except ModuleNotFoundError as error:
        raise _no_extra(error) from error


def table(columns: Mapping[str, object], index: "Index | None" = None) -> "DataFrame":
    """Return a data frame of columns; `index` names the rows, by default by their numbers."""
    check_pandas()
    import pandas

    return pandas.DataFrame(dict(columns), index=index)


def names_index(names: Sequence[str], name: str) -> "Index":
    """Return an index of names, such as those of layers."""
    check_pandas()
    import pandas

    return pandas.Index(names, name=name)


def read_parquet(content: bytes) -> "DataFrame":
    """Read a Parquet file, lists as arrays; anything else is a `ResponseError`."""
    check_pandas()
    import pandas
    import pyarrow

    try:
        return pandas.read_parquet(BytesIO(content), engine="pyarrow")
    except pyarrow.ArrowInvalid as error:
        raise unreadable("a body that is not a Parquet file") from error


def _no_extra(error: ModuleNotFoundError) -> ExtraError:
    return ExtraError(
        f"data frames: expected the extra 'notebook', found no {error.name}; install it with "
        "`pip install 'highway-client[notebook]'`"
    )


def _value_columns(names: Sequence[str], row: Input) -> tuple[Column, ...]:
    """Return a column for each value of an image, in the frame's order."""
    if len(names) != row.size:
        raise ArgumentError(
            f"rows: expected {row.size} columns of numbers, one for each value of an image, found "
            f"{len(names)}; select them, or give the images as an array"
        )
    return tuple(Column(name=name) for name in names)


def _indices(names: Sequence[str], columns: Sequence[Column]) -> list[int]:
    repeated = repeated_name(names)
    if repeated is not None:
        raise ArgumentError(
            f"rows: expected each column's name once, found {repeated!r} again; leave one out"
        )
    indices = column_indices(names, columns)
    if None in indices:
        name = columns[indices.index(None)].name
        raise ArgumentError(
            f"rows: expected the column {name!r}, found no such column; add it, with missing "
            "values where it is not known"
        )
    others = other_names(names, columns)
    if others:
        raise ArgumentError(
            f"rows: expected only the model's columns, found {others[0]!r} too; select the columns "
            "that `model().input.columns` names"
        )
    return [index for index in indices if index is not None]


def _check_image(matrix: FloatArray, row: Input) -> None:
    missing = np.argwhere(np.isnan(matrix))
    if row.kind == "image" and len(missing):
        where = "".join(f"[{index}]" for index in missing[0].tolist())
        raise ArgumentError(
            f"rows{where}: expected a number, found a missing value; images have none"
        )
