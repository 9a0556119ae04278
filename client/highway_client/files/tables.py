"""Rows of a table in a text file, by the names of the model's columns, as in training."""

import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

from highway_client.description import BOOLEAN_CATEGORIES, Column, Input, TextFormat
from highway_client.errors import FileError
from highway_client.files.cells import (
    ISO,
    MISSING,
    SPACES,
    boolean,
    days,
    decorated_number,
    number,
)
from highway_client.files.rows import FileRows
from highway_client.files.text_tables import Chunk, TextTable, read_text_table

FLOAT32_MAX = 3.4028234663852886e38
MAX_LISTED = 10  # names in one message
NUMBER = "number"  # a kind that users of `highway train` declare

Value = float | str | None
Coder = Callable[[str], Value]


class _CellError(Exception):
    """A cell that does not fit its column; the message says what was expected."""


def read_table(path: Path, row: Input) -> FileRows:
    """Read a table with a header line; the model's description says how its cells are read."""
    if row.kind != "table":
        raise FileError(f"{path}: expected a picture or an array, because the model reads images")
    table = read_text_table(path, row.text)
    indices = _indices(table, row.columns)
    coders = [_coder(column, row.text) for column in row.columns]
    rows: list[dict[str, Value]] = []
    names = [column.name for column in row.columns]
    for chunk in table.chunks():
        values = [
            _values(table.name, chunk, index, name, code)
            for index, name, code in zip(indices, names, coders, strict=True)
        ]
        rows += [dict(zip(names, cells, strict=True)) for cells in zip(*values, strict=True)]
    if not rows:
        raise FileError(f"{path}: expected rows below the header line, found none")
    notes = table.notes
    others = [name for index, name in enumerate(table.names) if index not in indices]
    if others:
        notes += (f"{path}: ignored columns that the model does not read: {_listed(others)}",)
    return FileRows(rows=rows, notes=notes)


def _indices(table: TextTable, columns: Iterable[Column]) -> list[int]:
    """Return the position of each of the model's columns; names are compared in NFC."""
    positions = {
        unicodedata.normalize("NFC", name): index for index, name in enumerate(table.names)
    }
    indices = []
    for column in columns:
        index = positions.get(unicodedata.normalize("NFC", column.name))
        if index is None:
            raise FileError(
                f"{table.name}: expected the column {column.name!r}, found {_listed(table.names)}"
            )
        indices.append(index)
    return indices


def _values(name: str, chunk: Chunk, index: int, column: str, code: Coder) -> list[Value]:
    cells = chunk.columns[index]
    try:
        return list(map(code, cells))
    except _CellError:
        return [_located(name, chunk, row, column, code, cell) for row, cell in enumerate(cells)]


def _located(name: str, chunk: Chunk, row: int, column: str, code: Coder, cell: str) -> Value:
    try:
        return code(cell)
    except _CellError as error:
        raise FileError(
            f"{name}, line {chunk.lines[row]}, column {column!r}: expected {error}, found {cell!r}"
        ) from error


def _coder(column: Column, text: TextFormat) -> Coder:
    """Return a function from a cell to its value; what does not fit is a `_CellError`."""
    read = _reader(column, text)
    missing, categories = MISSING | set(text.missing), frozenset(column.categories)

    def code(cell: str) -> Value:
        # First: a table in Parquet may have the category "NA".
        if cell in categories:
            return cell
        if cell in missing or not cell.strip(SPACES):
            return None
        return read(cell)

    return code


def _reader(column: Column, text: TextFormat) -> Coder:
    if column.date is not None:
        return _date_reader(column.date)
    if column.categories:
        return _category_reader(column)
    is_declared = (column.name, NUMBER) in text.columns
    return _number_reader(column.unit, text.decimal, is_declared=is_declared)


def _date_reader(date_format: str) -> Coder:
    expected = "a date of ISO 8601" if date_format == ISO else f"a date as in {date_format!r}"

    def read(cell: str) -> Value:
        date = days(cell, date_format)
        if date is None:
            raise _CellError(expected)
        return date

    return read


def _category_reader(column: Column) -> Coder:
    expected = f"one of {_listed(column.categories)}"

    def read(cell: str) -> Value:
        value = boolean(cell) if column.is_boolean else None
        if value is not None:
            return BOOLEAN_CATEGORIES[value]
        raise _CellError(expected)

    return read


def _number_reader(unit: str, decimal: str, *, is_declared: bool) -> Coder:
    def read(cell: str) -> Value:
        value = number(cell, decimal)
        if value is None and is_declared:
            decorated = decorated_number(cell, decimal)
            if decorated is not None and decorated[1] not in ("", unit):
                raise _CellError(f"a number in the unit {unit!r}" if unit else "a number")
            value = None if decorated is None else decorated[0]
        if value is None:
            raise _CellError("a number")
        if abs(value) > FLOAT32_MAX:
            raise _CellError(f"a number between ±{FLOAT32_MAX:.2g}")
        return value

    return read


def _listed(values: Iterable[str]) -> str:
    names = list(map(repr, values))
    more = len(names) - MAX_LISTED
    listed = ", ".join(names[:MAX_LISTED])
    return f"{listed} and {more} more" if more > 0 else listed
