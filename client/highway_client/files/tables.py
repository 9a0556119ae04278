"""Rows of a CSV file, by the names of the model's columns."""

import csv
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from highway_client.description import BOOLEAN_CATEGORIES, Column, Input
from highway_client.errors import FileError
from highway_client.files.rows import FileRows

# The missing values of training: pyarrow's `ConvertOptions.null_values`.
MISSING = frozenset(
    (
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND"),
        *("1.#QNAN", "N/A", "NA", "NULL", "NaN", "n/a", "nan", "null"),
    )
)
MAX_LISTED = 10  # names in one message

Value = float | str | None


def read_csv(path: Path, row: Input) -> FileRows:
    """Read UTF-8 text with a header line; an empty cell, NA and the like are missing values."""
    if row.kind != "table":
        raise FileError(f"{path}: expected a picture or an array, because the model reads images")
    records = _records(path)
    _, names = next(records, (0, []))
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise FileError(f"{path}: expected each column's name once, found {repeated[0]!r} again")
    known = [column.name for column in row.columns]
    missing = [name for name in known if name not in names]
    if missing:
        raise FileError(
            f"{path}: expected the column {missing[0]!r}, found {_listed(names) or 'no names'}"
        )
    indices = [(column, names.index(column.name)) for column in row.columns]
    rows = [
        {
            column.name: _value(cells[index], column, f"{path}, line {number}")
            for column, index in indices
        }
        for number, cells in records
    ]
    if not rows:
        raise FileError(f"{path}: expected rows below the header line, found none")
    others = [name for name in names if name not in known]
    note = f"{path}: ignored columns that the model does not read: {_listed(others)}"
    return FileRows(rows=rows, notes=(note,) if others else ())


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the cells of each record; empty lines are skipped."""
    width = None
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            for cells in filter(None, reader):
                width = width or len(cells)
                if len(cells) != width:
                    raise FileError(
                        f"{path}, line {reader.line_num}: expected {width} cells as in the first "
                        f"line, found {len(cells)}"
                    )
                yield reader.line_num, cells
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: not UTF-8; save it as UTF-8") from error
    except csv.Error as error:
        raise FileError(f"{path}: not CSV: {error}") from error
    except OSError as error:
        raise FileError(f"{path}: expected a file to read, found {error.strerror}") from error


def _value(cell: str, column: Column, location: str) -> Value:
    if cell in column.categories:
        return cell
    if cell in MISSING:
        return None
    location = f"{location}, column {column.name!r}"
    if not column.categories:
        return _number(cell, location)
    if column.is_boolean and cell.lower() in BOOLEAN_CATEGORIES:
        return cell.lower()
    raise FileError(f"{location}: expected one of {_listed(column.categories)}, found {cell!r}")


def _number(cell: str, location: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise FileError(f"{location}: expected a number, found {cell!r}")
    return number


def _listed(values: list[str] | tuple[str, ...]) -> str:
    more = len(values) - MAX_LISTED
    listed = ", ".join(map(repr, values[:MAX_LISTED]))
    return f"{listed} and {more} more" if more > 0 else listed
