"""Tables as they lie on disk: CSV and TSV, and Parquet, into Arrow."""

import csv
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from models.errors import DataError

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
CSV_LIMIT = 2**31 - 1  # bytes: Arrow reads a file in one block so as to see all of it for its types


def read_csv(path: Path, texts: tuple[str, ...] = (), *, delimiter: str = ",") -> pa.Table:
    """Read UTF-8 text, the columns of `texts` as text and the others as what all their rows are.

    An empty cell and NA, NaN, null and the like are missing, as in
    `pyarrow.csv.ConvertOptions.null_values`.
    """
    data = _bytes(path)
    _check_text(data, path.name, delimiter)
    table = _parsed(data, path.name, texts, delimiter)
    zeros = _codes(data, table, delimiter)
    return _parsed(data, path.name, (*texts, *zeros), delimiter) if zeros else table


def _parsed(data: bytes, name: str, texts: tuple[str, ...], delimiter: str) -> pa.Table:
    ragged: list[pyarrow.csv.InvalidRow] = []

    def refuse(row: pyarrow.csv.InvalidRow) -> str:
        ragged.append(row)
        return "error"

    try:
        return pyarrow.csv.read_csv(
            io.BytesIO(data),
            # In one thread, for only so does Arrow count the rows that it refuses.
            pyarrow.csv.ReadOptions(block_size=len(data), use_threads=False),
            pyarrow.csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=refuse
            ),
            pyarrow.csv.ConvertOptions(
                strings_can_be_null=True, column_types=dict.fromkeys(texts, pa.string())
            ),
        )
    except pa.ArrowInvalid as error:
        if ragged:
            raise DataError(
                f"{name}, row {ragged[0].number - 1}: expected {ragged[0].expected_columns} "
                f"values, one for each column, found {ragged[0].actual_columns}"
            ) from error
        raise DataError(
            f"{name}: expected a table of text with a line of names, found {_short(error)}"
        ) from error


def _codes(data: bytes, table: pa.Table, delimiter: str) -> tuple[str, ...]:
    """Return the columns of whole numbers that begin with zeros: codes, of which none may go."""
    whole = tuple(field.name for field in table.schema if pa.types.is_integer(field.type))
    if not whole or len(set(table.column_names)) < table.num_columns:
        return ()
    written = _parsed(data, "", whole, delimiter)
    return tuple(
        name
        for name in whole
        if pc.any(pc.match_substring_regex(written[name], "^[+-]?0[0-9]")).as_py()
    )


def read_tsv(path: Path, texts: tuple[str, ...] = ()) -> pa.Table:
    """Read a CSV file whose cells are separated by tabs."""
    return read_csv(path, texts, delimiter="\t")


def read_parquet(path: Path, texts: tuple[str, ...] = ()) -> pa.Table:
    """Read a Parquet file; it says itself which of its columns are texts."""
    try:
        # Not `read_table`, which makes further columns of folders named like `year=2020`.
        with pyarrow.parquet.ParquetFile(path) as file:
            table = file.read()
        table.validate(full=True)
        table = _with_categories(table)
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        raise DataError(
            f"{path.name}: expected a whole Parquet file, found it damaged ({_short(error)}); "
            "write it again"
        ) from error
    return table


def _with_categories(table: pa.Table) -> pa.Table:
    """Make texts of the whole numbers that pandas had as categories; Parquet itself forgets it."""
    columns = (table.schema.pandas_metadata or {}).get("columns", [])
    for column in columns:
        name = column.get("field_name")
        if column.get("pandas_type") == "categorical" and name in table.column_names:
            index = table.column_names.index(name)
            if pa.types.is_integer(table.schema.field(index).type):
                texts = pc.cast(table[name], pa.string())
                table = table.set_column(index, name, texts)
    return table


def _bytes(path: Path) -> bytes:
    if path.stat().st_size > CSV_LIMIT:
        raise DataError(
            f"{path.name}: expected at most {CSV_LIMIT} bytes of text, found "
            f"{path.stat().st_size}; save the table as Parquet"
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path.name}: expected a file to read, found {error.strerror}") from error
    if not data.strip():
        raise DataError(f"{path.name}: expected a table with a line of names, found an empty file")
    return data


def _check_text(data: bytes, name: str, delimiter: str) -> None:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{name}, line {line}: expected UTF-8, found the byte 0x{data[error.start]:02x}; save "
            "the file as UTF-8"
        ) from error
    header = text.lstrip("\ufeff").split("\n", 1)[0]
    other = next((mark for mark in SEPARATORS if mark in header), None)
    if delimiter not in header and other is not None:
        raise DataError(
            f"{name}: expected columns separated by {SEPARATORS[delimiter]}, found a first line "
            f"with {SEPARATORS[other]} alone; save the table with commas"
        )
    if '"' not in text:
        return
    # Arrow would take a quote that is never closed for one long text.
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for _ in lines:
            pass
    except csv.Error as error:
        raise DataError(
            f"{name}, line {lines.line_num}: expected every quote closed at the end of its cell, "
            f"found {error}"
        ) from error


def _short(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
