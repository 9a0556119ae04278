"""Rows of a CSV file, by the names of the model's columns."""

import csv
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from service.client.errors import FileError
from service.client.files.rows import FileRows
from service.contract import Column, Input

TRUTH = ("false", "true")
# What training takes for a missing value: pyarrow's `ConvertOptions.null_values`.
MISSING = frozenset(
    (
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND"),
        *("1.#QNAN", "N/A", "NA", "NULL", "NaN", "n/a", "nan", "null"),
    )
)
MOST_LISTED = 10  # names in one sentence

Value = float | str | None


def read_csv(path: Path, row: Input) -> FileRows:
    """Read UTF-8 text with a line of names; an empty cell, NA and the like are missing values."""
    if row.kind != "table":
        raise FileError(f"{path}: expected a picture or an array, for the model reads images")
    lines = _lines(path)
    _, names = next(lines, (0, []))
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise FileError(f"{path}: expected each column's name once, found {repeated[0]!r} again")
    known = [column.name for column in row.columns]
    missing = [name for name in known if name not in names]
    if missing:
        raise FileError(
            f"{path}: expected the column {missing[0]!r}, found {_listed(names) or 'no names'}"
        )
    places = [(column, names.index(column.name)) for column in row.columns]
    rows = [
        {
            column.name: _value(cells[place], column, f"{path}, line {number}")
            for column, place in places
        }
        for number, cells in lines
    ]
    if not rows:
        raise FileError(f"{path}: expected rows below the names of the columns, found none")
    others = [name for name in names if name not in known]
    note = f"{path}: left out what the model does not read: {_listed(others)}"
    return FileRows(rows=rows, notes=(note,) if others else ())


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each line's number and cells, as many as the first has; empty lines are passed over."""
    width = None
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            for cells in filter(None, reader):
                width = width or len(cells)
                if len(cells) != width:
                    raise FileError(
                        f"{path}, line {reader.line_num}: expected {width} cells, as the first "
                        f"line has, found {len(cells)}"
                    )
                yield reader.line_num, cells
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: expected UTF-8, found other bytes; save it as UTF-8") from error
    except csv.Error as error:
        raise FileError(f"{path}: expected CSV, found {error}") from error
    except OSError as error:
        raise FileError(f"{path}: expected a file to read, found {error.strerror}") from error


def _value(cell: str, column: Column, where: str) -> Value:
    if cell in column.categories:
        return cell
    if cell in MISSING:
        return None
    place = f"{where}, column {column.name!r}"
    if not column.categories:
        return _number(cell, place)
    if column.categories == TRUTH and cell.lower() in TRUTH:
        return cell.lower()
    raise FileError(f"{place}: expected one of {_listed(column.categories)}, found {cell!r}")


def _number(cell: str, place: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise FileError(f"{place}: expected a number, found {cell!r}")
    return number


def _listed(texts: list[str] | tuple[str, ...]) -> str:
    more = len(texts) - MOST_LISTED
    listed = ", ".join(map(repr, texts[:MOST_LISTED]))
    return f"{listed} and {more} more" if more > 0 else listed
