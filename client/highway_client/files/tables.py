"""Rows of a table in a text file, by the names of the model's columns, as in training."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from highway_client.column_names import column_indices, other_names, repeated_name
from highway_client.description import Input
from highway_client.errors import FileError
from highway_client.files.cells import is_number
from highway_client.files.coders import CellError, coder, listed, plain_numbers
from highway_client.files.rows import FileRows, regrouped
from highway_client.files.text_tables import Chunk, read_text_table
from highway_client.json_values import FloatArray


def read_table(path: Path, row: Input) -> FileRows:
    """Read a table with a header line; the model's description says how its cells are read."""
    check_table_model(path, row)
    table = read_text_table(path, row.text)
    reader = ChunkReader(table.name, table.names, row)
    return FileRows(
        batches=regrouped(map(reader.read, table.chunks()), row.size, empty=no_rows(path)),
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


class ChunkReader:
    """Reads the model's columns of chunks of a table, as numbers; `name` begins its errors."""

    def __init__(self, name: str, names: Sequence[str], row: Input) -> None:
        """`names` are those of the table's columns; a `FileError` if the model's are not there."""
        self._name = name
        self._indices = table_indices(name, names, row)
        self._names = [column.name for column in row.columns]
        self._coders = [coder(column, row.text) for column in row.columns]
        marks = any(is_number(mark, row.text.decimal) for mark in row.text.missing)
        self._are_plain = [
            not (column.categories or column.date or marks or row.text.decimal != ".")
            for column in row.columns
        ]

    def read(self, chunk: Chunk) -> FloatArray:
        """Return the rows, (rows, columns); a cell that does not fit is a `FileError`."""
        matrix = np.empty((len(chunk.lines), len(self._names)), np.float32)
        for position, index in enumerate(self._indices):
            cells = chunk.columns[index]
            numbers = plain_numbers(cells) if self._are_plain[position] else None
            matrix[:, position] = self._numbers(chunk, position) if numbers is None else numbers
        return matrix

    def _numbers(self, chunk: Chunk, position: int) -> list[float]:
        cells, code = chunk.columns[self._indices[position]], self._coders[position]
        try:
            return list(map(code, cells))
        except CellError:
            return [self._located(chunk, row, position) for row in range(len(cells))]

    def _located(self, chunk: Chunk, row: int, position: int) -> float:
        cell = chunk.columns[self._indices[position]][row]
        try:
            return self._coders[position](cell)
        except CellError as error:
            raise FileError(
                f"{self._name}, line {chunk.lines[row]}, column {self._names[position]!r}: "
                f"expected {error}, found {cell!r}"
            ) from error
