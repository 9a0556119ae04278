"""Rows of a table in a text file, by the names of the model's columns, as in training."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from highway_client.column_names import column_indices, other_names, repeated_name
from highway_client.description import Input
from highway_client.errors import FileError
from highway_client.files.coders import CellError, Coder, coder, listed
from highway_client.files.rows import FileRows, regrouped
from highway_client.files.text_tables import Chunk, TextTable, read_text_table
from highway_client.json_values import FloatArray


def read_table(path: Path, row: Input) -> FileRows:
    """Read a table with a header line; the model's description says how its cells are read."""
    check_table_model(path, row)
    table = read_text_table(path, row.text)
    indices = table_indices(table.name, table.names, row)
    return FileRows(
        batches=regrouped(_matrices(table, indices, row), row.size, empty=no_rows(path)),
        notes=table.notes + other_columns(path, table.names, row),
    )


def check_table_model(path: Path, row: Input) -> None:
    """Refuse a table for a model of images."""
    if row.kind != "table":
        raise FileError(f"{path}: expected a picture or an array, because the model reads images")


def table_indices(name: str, names: Sequence[str], row: Input) -> list[int]:
    """Return the position of each of the model's columns in a file."""
    repeated = repeated_name(names)
    if repeated is not None:
        raise FileError(
            f"{name}: expected each column's name once, found {repeated!r} again; rename one"
        )
    indices = column_indices(names, row.columns)
    for column, index in zip(row.columns, indices, strict=True):
        if index is None:
            raise FileError(f"{name}: expected the column {column.name!r}, found {listed(names)}")
    return [index for index in indices if index is not None]


def other_columns(path: Path, names: Sequence[str], row: Input) -> tuple[str, ...]:
    """Return a note on the columns that the model does not read."""
    others = other_names(names, row.columns)
    if not others:
        return ()
    return (f"{path}: ignored columns that the model does not read: {listed(others)}",)


def no_rows(path: Path) -> FileError:
    """Return the error of a table without rows."""
    return FileError(f"{path}: expected rows below the header line, found none")


def _matrices(table: TextTable, indices: Sequence[int], row: Input) -> Iterator[FloatArray]:
    """Yield some rows at a time, (rows, columns)."""
    coders = [coder(column, row.text) for column in row.columns]
    names = [column.name for column in row.columns]
    for chunk in table.chunks():
        columns = [
            _numbers(table.name, chunk, index, name, code)
            for index, name, code in zip(indices, names, coders, strict=True)
        ]
        yield np.array(columns, np.float32).T


def _numbers(name: str, chunk: Chunk, index: int, column: str, code: Coder) -> list[float]:
    cells = chunk.columns[index]
    try:
        return list(map(code, cells))
    except CellError:
        return [_located(name, chunk, row, column, code, cell) for row, cell in enumerate(cells)]


def _located(name: str, chunk: Chunk, row: int, column: str, code: Coder, cell: str) -> float:
    try:
        return code(cell)
    except CellError as error:
        raise FileError(
            f"{name}, line {chunk.lines[row]}, column {column!r}: expected {error}, found {cell!r}"
        ) from error
