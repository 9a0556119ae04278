"""Rows of a table whose file has types, by the names of the model's columns, as in training."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from highway_client.calls import rows_per_request
from highway_client.description import Input
from highway_client.errors import FileError
from highway_client.files.arrow_files import ArrowFile
from highway_client.files.rows import Batch, FileRows
from highway_client.files.tables import check_table_model, no_rows, other_columns, table_indices

if TYPE_CHECKING:
    import pyarrow as pa

Reader = Callable[[Path, str], ArrowFile]


def read_typed_table(path: Path, row: Input, read: Reader) -> FileRows:
    """Read a table by one of the readers of Parquet, Arrow and Excel files."""
    check_table_model(path, row)
    file = read(path, str(path))
    return rows_of_table(path, row, file.table, file.notes)


def rows_of_table(
    path: Path, row: Input, table: "pa.Table", notes: tuple[str, ...] = ()
) -> FileRows:
    """Return the rows of an Arrow table with columns that the model does not read."""
    indices = table_indices(str(path), table.column_names, row)
    if not table.num_rows:
        raise no_rows(path)
    return FileRows(
        batches=_batches(path, row, table.select(indices)),
        notes=notes + other_columns(path, table.column_names, row),
        count=table.num_rows,
    )


def _batches(path: Path, row: Input, table: "pa.Table") -> Iterator[Batch]:
    """Encode the rows of one request at a time; an error names the row, from 1."""
    from highway_client.arrow_columns import ColumnError, encode_columns

    step = rows_per_request(row.size)
    for start in range(0, table.num_rows, step):
        try:
            columns = table.slice(start, step).columns
            yield Batch(rows=encode_columns(columns, row.columns, row.text))
        except ColumnError as error:
            where = "" if error.row is None else f", row {start + error.row + 1}"
            raise FileError(f"{path}: column {error.column!r}{where}: {error}") from error
