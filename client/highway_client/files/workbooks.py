"""Excel workbooks: the first sheet as a table, its first row as the names of the columns.

Training and `highway predict` read them by this function; openpyxl and pyarrow are imported when a
file is read.
"""

import datetime
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from highway_client.errors import FileError
from highway_client.files.arrow_files import ArrowFile, needs_package

if TYPE_CHECKING:
    import pyarrow as pa

EXCEL_SUFFIXES = (".xlsx", ".xlsm")
UNREADABLE = (
    *(OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, SyntaxError),
    *(zipfile.BadZipFile, MemoryError, EOFError, NotImplementedError, OverflowError),
)

Row = tuple[Any, ...]


def read_excel(path: Path, name: str) -> ArrowFile:
    """Read the first sheet; numbers, dates and booleans keep their types.

    A column of several types is text. `name` begins the message of every `FileError`, such as that
    of a formula whose value Excel has not stored.
    """
    try:
        import openpyxl as openpyxl
        import pyarrow as pyarrow
    except ModuleNotFoundError as error:
        raise needs_package(name, "read Excel files", error) from error
    try:
        sheets, rows = _sheet(path, values=True)
        gaps = any(value is None for row in rows for value in row)
        formulas = _sheet(path, values=False)[1] if gaps else []
    except UNREADABLE as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        raise FileError(
            f"{name}: the Excel file is damaged ({reason}); save it again as .xlsx"
        ) from error
    _check_formulas(name, rows, formulas)
    table = _table(name, rows)
    notes: tuple[str, ...] = ()
    if len(sheets) > 1:
        others = ", ".join(map(repr, sheets[1:]))
        notes = (f"{name}: the first sheet {sheets[0]!r} is read, not {others}",)
    return ArrowFile(table=table, notes=notes)


def _sheet(path: Path, *, values: bool) -> tuple[list[str], list[Row]]:
    """Return the names of all sheets and the rows of the first, values or formulas."""
    from openpyxl import load_workbook

    with path.open("rb") as file:
        book = load_workbook(file, read_only=True, data_only=values)
        if not book.worksheets:
            raise ValueError("it has no sheet of cells")
        rows = [tuple(row) for row in book.worksheets[0].iter_rows(values_only=True)]
        book.close()
    return [sheet.title for sheet in book.worksheets], rows


def _check_formulas(name: str, rows: Sequence[Row], formulas: Sequence[Row]) -> None:
    for number, (row, formula_row) in enumerate(zip(rows, formulas, strict=False), 1):
        for value, formula in zip(row, formula_row, strict=False):
            if value is None and isinstance(formula, str) and formula.startswith("="):
                raise FileError(
                    f"{name}, row {number} of the sheet: the formula {formula!r} has no stored "
                    "value; open the file in a spreadsheet program and save it again"
                )


def _table(name: str, rows: list[Row]) -> "pa.Table":
    import pyarrow as pa

    filled = [row for row in rows if any(value is not None for value in row)]
    if not filled:
        raise FileError(f"{name}: the first sheet is empty")
    header, *body = filled
    width = max(len(row) for row in filled)
    columns = [[row[i] if i < len(row) else None for row in body] for i in range(width)]
    header = header + (None,) * (width - len(header))
    kept = [
        (label, values)
        for label, values in zip(header, columns, strict=True)
        if label is not None or any(value is not None for value in values)
    ]
    names = ["" if label is None else str(label).strip() for label, _ in kept]
    return pa.table([_array(values) for _, values in kept], names=names)


def _array(values: Sequence[Any]) -> "pa.Array":
    """Return values of one type as that type, of several types as strings."""
    import pyarrow as pa

    kinds = set(_kinds(values))
    if kinds <= {float}:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds == {datetime.datetime}:
        return pa.array([_moment(value) for value in values], pa.timestamp("us"))
    return pa.array([_text(value) for value in values], pa.large_string())


def _kinds(values: Sequence[Any]) -> Iterator[type]:
    for value in values:
        if isinstance(value, bool):
            yield bool
        elif isinstance(value, int | float):
            yield float
        elif isinstance(value, datetime.date):
            yield datetime.datetime
        elif value is not None:
            yield str


def _moment(value: datetime.date | None) -> datetime.datetime | None:
    if value is None or isinstance(value, datetime.datetime):
        return value
    return datetime.datetime(value.year, value.month, value.day)


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
