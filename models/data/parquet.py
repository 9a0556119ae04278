"""Parquet and Arrow (Feather) files, and folders of Parquet files as Spark writes them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from models.data.opened_table import OpenedTable
from models.errors import DataError, first_line
from service.contract import TextFormat

SUFFIXES = frozenset({".parquet", ".pq", ".feather", ".arrow", ".ipc"})
SUCCESS = "_SUCCESS"
UNREADABLE = (pa.ArrowException, OSError, ValueError, MemoryError)


def open_parquet(path: Path, text: TextFormat) -> OpenedTable:
    """Read a Parquet file."""
    try:
        table = _file_table(path)
    except UNREADABLE as error:
        raise _damaged(path.name, "Parquet", error) from error
    return _opened(path.name, table, text)


def open_arrow(path: Path, text: TextFormat) -> OpenedTable:
    """Read a Feather file, or an Arrow file or stream."""
    from pyarrow import feather

    try:
        table = _stream(path) or feather.read_table(path, memory_map=False)
        table.validate(full=True)
    except UNREADABLE as error:
        raise _damaged(path.name, "Arrow", error) from error
    return _opened(path.name, table, text)


def is_parquet_folder(path: Path) -> bool:
    """Return whether a folder holds Parquet files, as Spark and other engines write a table."""
    if not path.is_dir():
        return False
    is_named = path.suffix.lower() == ".parquet"
    return is_named or (path / SUCCESS).is_file() or bool(_parts(path) or _partitions(path))


def open_parquet_folder(path: Path, text: TextFormat) -> OpenedTable:
    """Read all Parquet files of a folder as one table; folders named KEY=VALUE add a column."""
    partitions = _partitions(path)
    if partitions:
        return _partitioned(path, text, partitions[0])
    parts = _parts(path)
    if not parts:
        others = sorted(p.name for p in path.iterdir() if not p.name.startswith((".", "_")))
        found = f"such as {others[0]!r}" if others else "and no others"
        raise DataError(
            f"{path.name}: expected .parquet files in the folder, found {len(others)} other files "
            f"{found}; write the table as Parquet, or as one CSV file"
        )
    try:
        table = pa.concat_tables([_file_table(part) for part in parts], promote_options="default")
    except UNREADABLE as error:
        raise _damaged(path.name, "Parquet", error) from error
    note = f"{path.name}: read {len(parts)} Parquet {'file' if len(parts) == 1 else 'files'}"
    return _opened(path.name, table, text, notes=(note,))


def _partitioned(path: Path, text: TextFormat, example: Path) -> OpenedTable:
    from pyarrow import dataset

    try:
        files = dataset.dataset(path, format="parquet", partitioning="hive")
        table = files.to_table()
        table.validate(full=True)
    except UNREADABLE as error:
        raise _damaged(path.name, "Parquet", error) from error
    key = example.name.partition("=")[0]
    note = f"{path.name}: the folders such as {example.name!r} are read as the column {key!r}"
    return _opened(path.name, table, text, notes=(note,))


def _file_table(path: Path) -> pa.Table:
    from pyarrow.parquet import ParquetFile

    # `read_table` would add a column for each parent folder named like `year=2020`.
    with ParquetFile(path) as file:
        table = file.read()
    table.validate(full=True)
    return _restore_categories(table)


def _stream(path: Path) -> pa.Table | None:
    """Read an Arrow stream, which has no magic number; None for another file."""
    with path.open("rb") as file:
        if file.read(4) != b"\xff\xff\xff\xff":
            return None
    with pa.ipc.open_stream(path.read_bytes()) as stream:
        return stream.read_all()


def _opened(
    name: str, table: pa.Table, text: TextFormat, *, notes: tuple[str, ...] = ()
) -> OpenedTable:
    index = (table.schema.pandas_metadata or {}).get("index_columns", [])
    names = tuple(column for column in index if column in table.column_names)
    return OpenedTable.typed(name, table, text, notes=notes, index_columns=names)


def _parts(path: Path) -> list[Path]:
    """Return the Parquet files of a folder, without hidden and temporary ones."""
    return sorted(
        part
        for part in path.glob("*.parquet")
        if part.is_file() and not part.name.startswith((".", "_"))
    )


def _partitions(path: Path) -> list[Path]:
    return sorted(
        folder
        for folder in path.glob("*=*")
        if folder.is_dir() and next(folder.rglob("*.parquet"), None) is not None
    )


def _restore_categories(table: pa.Table) -> pa.Table:
    """Convert pandas' integer categories to strings; Parquet stores them as plain integers."""
    columns = (table.schema.pandas_metadata or {}).get("columns", [])
    for column in columns:
        name = column.get("field_name")
        if column.get("pandas_type") == "categorical" and name in table.column_names:
            index = table.column_names.index(name)
            if pa.types.is_integer(table.schema.field(index).type):
                codes = pc.cast(table[name], pa.string()).dictionary_encode()
                table = table.set_column(index, name, codes)
    return table


def _damaged(name: str, kind: str, error: Exception) -> DataError:
    return DataError(f"{name}: the {kind} file is damaged ({first_line(error)}); write it again")
