"""Tables in CSV, TSV and Parquet files: feature columns, and a target column of labels."""

import csv
import io
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from models.data.columns import encode_column, encode_labels, infer_column
from models.data.dataset import FloatRows, LabelledData, Part, Schema
from models.errors import DataError, first_line, join_names
from service.contract import BOOLEAN_CATEGORIES, Column, Input

DELIMITERS = {".csv": ",", ".tsv": "\t"}
TABLE_SUFFIXES = {*DELIMITERS, ".parquet"}
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
MAX_CSV_BYTES = 2**31 - 1  # of one Arrow block; types are inferred from all rows of a single block
INTEGER = re.compile("0|-?[1-9][0-9]*")
# The row index as pandas writes it. In a table sorted by label it reveals the labels.
PANDAS_INDEX = re.compile(r"|Unnamed: [0-9]+|__index_level_[0-9]+__")


def read_table(
    path: Path, target: str | None, exclude: tuple[str, ...], schema: Schema | None
) -> LabelledData:
    """Read a CSV, TSV or Parquet file; see `table_rows`."""
    suffix = path.suffix.lower()
    if suffix in DELIMITERS:
        strings = _string_columns(target, schema) if schema else ()
        table = _read_csv(path, strings, DELIMITERS[suffix])
    else:  # Parquet declares the types of its columns
        table = _read_parquet(path)
    return table_rows(table, path.name, target, exclude, schema)


def table_rows(
    table: pa.Table,
    name: str,
    target: str | None,
    exclude: tuple[str, ...],
    schema: Schema | None,
) -> LabelledData:
    """Return the rows of an Arrow table, with the labels of the column `target`.

    With `schema`, the network's columns are selected by name and encoded as in its training data;
    other columns are ignored. Raises `DataError`, which names the column, and the row counted
    from 1.
    """
    _check_table(table, name)
    names = tuple(table.column_names)
    if target is None:
        raise DataError(f"--target: name the column to predict, one of {join_names(names)}")
    if target not in names:
        raise DataError(
            f"--target: expected a column of {name} ({join_names(names)}), found {target!r}"
        )
    if target in exclude:
        raise DataError(f"--exclude: the target {target!r} cannot be excluded")
    labels, y = encode_labels(_where(name, target), table[target])
    if schema is not None and schema.input.kind == "table":
        usable = tuple(column for column in names if column not in (target, *exclude))
        features = _encode(table, name, usable, schema.input.columns)
    else:
        selected = _features(names, name, target, exclude)
        features = [infer_column(_where(name, key), key, table[key]) for key in selected]
    columns = tuple(column for column, _ in features)
    data = LabelledData(
        name=name,
        input=Input(kind="table", shape=(len(columns),), unit="value", columns=columns),
        labels=labels,
        rows=Part(x=np.stack([values for _, values in features], axis=1), y=y),
    )
    return data if schema is None else schema.align(data)


def _string_columns(target: str | None, schema: Schema) -> tuple[str, ...]:
    """Return the columns that held strings in training, to be read as strings even if numeric."""
    strings = [
        column.name
        for column in schema.input.columns
        if column.categories and not column.is_boolean
    ]
    booleans = set(schema.labels) <= set(BOOLEAN_CATEGORIES)
    if target and not (booleans or all(map(INTEGER.fullmatch, schema.labels))):
        strings.append(target)
    return tuple(strings)


def _where(name: str, column: str) -> str:
    return f"{name}: column {column!r}"


def _check_table(table: pa.Table, name: str) -> None:
    for column, count in Counter(table.column_names).most_common(1):
        if count > 1:
            raise DataError(
                f"{_where(name, column)}: expected unique column names, found this one {count} "
                "times"
            )
    if table.num_rows == 0:
        raise DataError(f"{name}: the table has no rows below its header")


def _features(
    names: tuple[str, ...], name: str, target: str, exclude: tuple[str, ...]
) -> tuple[str, ...]:
    unknown = [column for column in exclude if column not in names]
    if unknown:
        raise DataError(
            f"--exclude: expected columns of {name} ({join_names(names)}), found {unknown[0]!r}"
        )
    features = tuple(column for column in names if column != target and column not in exclude)
    if not features:
        raise DataError(f"{name}: no columns are left to predict {target!r} from")
    indices = [column for column in features if PANDAS_INDEX.fullmatch(column)]
    if indices:
        raise DataError(
            f"{_where(name, indices[0])}: this seems to be a row index written by pandas; leave it "
            f"out with --exclude {indices[0]!r}, or rename it"
        )
    return features


def _encode(
    table: pa.Table, name: str, usable: tuple[str, ...], columns: tuple[Column, ...]
) -> list[tuple[Column, FloatRows]]:
    missing = [column.name for column in columns if column.name not in usable]
    if missing:
        raise DataError(
            f"{name}: expected the column {missing[0]!r} of the network's training data, found "
            f"only {join_names(usable) or 'none'}"
        )
    return [
        (column, encode_column(_where(name, column.name), column, table[column.name]))
        for column in columns
    ]


def _read_csv(path: Path, strings: tuple[str, ...], delimiter: str) -> pa.Table:
    """Read UTF-8 text; `strings` names the columns whose type is not to be inferred.

    Empty cells and the words of `pyarrow.csv.ConvertOptions.null_values` (NA, NaN, null, …) are
    missing values.
    """
    data = _bytes(path)
    _check_text(data, path.name, delimiter)
    table = _parse(data, path.name, strings, delimiter)
    codes = _zero_padded(data, table, delimiter)
    return _parse(data, path.name, (*strings, *codes), delimiter) if codes else table


def _read_parquet(path: Path) -> pa.Table:
    try:
        # `read_table` would add a column for each parent folder named like `year=2020`.
        with pyarrow.parquet.ParquetFile(path) as file:
            table = file.read()
        table.validate(full=True)
        return _restore_categories(table)
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        raise DataError(
            f"{path.name}: the Parquet file is damaged ({first_line(error)}); write it again"
        ) from error


def _parse(data: bytes, name: str, strings: tuple[str, ...], delimiter: str) -> pa.Table:
    ragged: list[pyarrow.csv.InvalidRow] = []

    def refuse(row: pyarrow.csv.InvalidRow) -> str:
        ragged.append(row)
        return "error"

    try:
        return pyarrow.csv.read_csv(
            io.BytesIO(data),
            # With several threads Arrow does not number the rows that it refuses.
            pyarrow.csv.ReadOptions(block_size=len(data), use_threads=False),
            pyarrow.csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=refuse
            ),
            pyarrow.csv.ConvertOptions(
                strings_can_be_null=True, column_types=dict.fromkeys(strings, pa.string())
            ),
        )
    except pa.ArrowInvalid as error:
        if ragged:
            raise DataError(
                f"{name}, row {ragged[0].number - 1}: expected {ragged[0].expected_columns} "
                f"values, one for each column, found {ragged[0].actual_columns}"
            ) from error
        raise DataError(f"{name}: cannot be read as CSV: {first_line(error)}") from error


def _zero_padded(data: bytes, table: pa.Table, delimiter: str) -> tuple[str, ...]:
    """Return the integer columns with leading zeros: codes, which must be kept as strings."""
    integers = tuple(field.name for field in table.schema if pa.types.is_integer(field.type))
    if not integers or len(set(table.column_names)) < table.num_columns:
        return ()
    strings = _parse(data, "", integers, delimiter)
    return tuple(
        name
        for name in integers
        if pc.any(pc.match_substring_regex(strings[name], "^[+-]?0[0-9]")).as_py()
    )


def _restore_categories(table: pa.Table) -> pa.Table:
    """Convert pandas' integer categories to strings; Parquet stores them as plain integers."""
    columns = (table.schema.pandas_metadata or {}).get("columns", [])
    for column in columns:
        name = column.get("field_name")
        if column.get("pandas_type") == "categorical" and name in table.column_names:
            index = table.column_names.index(name)
            if pa.types.is_integer(table.schema.field(index).type):
                table = table.set_column(index, name, pc.cast(table[name], pa.string()))
    return table


def _bytes(path: Path) -> bytes:
    if path.stat().st_size > MAX_CSV_BYTES:
        raise DataError(
            f"{path.name}: expected at most {MAX_CSV_BYTES} bytes of text, found "
            f"{path.stat().st_size}; save the table as Parquet"
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path.name}: cannot be read: {error.strerror}") from error
    if not data.strip():
        raise DataError(f"{path.name}: the file is empty")
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
            f"{name}: expected columns separated by {SEPARATORS[delimiter]}, found "
            f"{SEPARATORS[other]}; save the table again with {SEPARATORS[delimiter]}"
        )
    if '"' not in text:
        return
    # Arrow reads everything after an unclosed quote as one string.
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for _ in rows:
            pass
    except csv.Error as error:
        raise DataError(
            f"{name}, line {rows.line_num}: a quote is not closed at the end of its cell ({error})"
        ) from error
