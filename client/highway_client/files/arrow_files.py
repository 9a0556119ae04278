"""Parquet and Arrow (Feather) files, and folders of Parquet files as Spark writes them.

Training and `highway predict` read them by these functions; pyarrow is imported only when a file is
read.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from highway_client.errors import FileError

if TYPE_CHECKING:
    import pyarrow as pa

PARQUET_SUFFIXES = (".parquet", ".pq")
ARROW_SUFFIXES = (".feather", ".arrow", ".ipc")
SUCCESS = "_SUCCESS"

Content = TypeVar("Content")


@dataclass(frozen=True, kw_only=True)
class ArrowFile:
    """The table of a file, notes on how it was read, and columns that hold a row index."""

    table: "pa.Table"
    notes: tuple[str, ...] = ()
    index_columns: tuple[str, ...] = ()


def read_parquet(path: Path, name: str) -> ArrowFile:
    """Read a Parquet file; `name` begins the message of every `FileError`."""
    return _of_table(_checked(name, "Parquet", lambda: _file_table(path)))


def read_arrow(path: Path, name: str) -> ArrowFile:
    """Read a Feather file, or an Arrow file or stream."""

    def read() -> "pa.Table":
        from pyarrow import feather

        table = _stream(path) or feather.read_table(path, memory_map=False)
        table.validate(full=True)
        return table

    return _of_table(_checked(name, "Arrow", read))


def is_parquet_folder(path: Path) -> bool:
    """Return whether a folder holds Parquet files, as Spark and other engines write a table."""
    if not path.is_dir():
        return False
    is_named = path.suffix.lower() == ".parquet"
    return is_named or (path / SUCCESS).is_file() or bool(_parts(path) or _partitions(path))


def read_parquet_folder(path: Path, name: str) -> ArrowFile:
    """Read all Parquet files of a folder as one table; folders named KEY=VALUE add a column."""
    partitions = _partitions(path)
    if partitions:
        return _partitioned(path, name, partitions[0])
    check_parquet_folder(path, name)
    parts = _parts(path)

    def read() -> "pa.Table":
        import pyarrow as pa

        return pa.concat_tables([_file_table(part) for part in parts], promote_options="default")

    table = _checked(name, "Parquet", read)
    note = f"{name}: read {len(parts)} Parquet {'file' if len(parts) == 1 else 'files'}"
    return _of_table(table, notes=(note,))


def check_parquet_folder(path: Path, name: str) -> None:
    """Refuse a folder without Parquet files."""
    if path.is_dir() and not (_parts(path) or _partitions(path)):
        others = sorted(p.name for p in path.iterdir() if not p.name.startswith((".", "_")))
        found = f"such as {others[0]!r}" if others else "and no others"
        raise FileError(
            f"{name}: expected .parquet files in the folder, found {len(others)} other files "
            f"{found}; write the table as Parquet, or as one CSV file"
        )


def parquet_files(path: Path, name: str) -> list[tuple[Path, dict[str, object]]]:
    """Return the Parquet files of a table in order, each with its values of partition columns.

    `path` is a file or a folder; `name` begins the message of the `FileError` of a damaged one.
    """
    if not path.is_dir():
        return [(path, {})]
    if not _partitions(path):
        return [(part, {}) for part in _parts(path)]

    def read() -> list[tuple[Path, dict[str, object]]]:
        from pyarrow import dataset

        files = dataset.dataset(path, format="parquet", partitioning="hive").get_fragments()
        return [
            (Path(file.path), dataset.get_partition_keys(file.partition_expression))
            for file in files
        ]

    return _checked(name, "Parquet", read)


def parquet_file(path: Path, name: str) -> tuple[list[str], list[int]]:
    """Return the names of a file's columns, and the number of rows of each of its row groups."""

    def read() -> tuple[list[str], list[int]]:
        from pyarrow.parquet import ParquetFile

        with ParquetFile(path) as file:
            groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
            return list(file.schema_arrow.names), groups

    return _checked(name, "Parquet", read)


def read_row_group(
    path: Path, name: str, columns: Sequence[str], group: int, rows: int
) -> Iterator["pa.Table"]:
    """Yield some columns of a row group, at most `rows` rows at a time, in bounded memory."""

    def tables() -> Iterator["pa.Table"]:
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile

        with ParquetFile(path, pre_buffer=False) as file:
            for batch in file.iter_batches(rows, row_groups=[group], columns=list(columns)):
                table = pa.Table.from_batches([batch])
                table.validate(full=True)
                yield _restore_categories(table)

    tables_of_group = tables()
    while (table := _checked(name, "Parquet", lambda: next(tables_of_group, None))) is not None:
        yield table


def needs_package(name: str, purpose: str, error: ModuleNotFoundError) -> FileError:
    """Return the error of a file for which a package is missing."""
    return FileError(
        f"{name}: expected {error.name} to {purpose}, found none; install it with "
        f"`pip install {error.name}`"
    )


def _partitioned(path: Path, name: str, example: Path) -> ArrowFile:
    def read() -> "pa.Table":
        from pyarrow import dataset

        table = dataset.dataset(path, format="parquet", partitioning="hive").to_table()
        table.validate(full=True)
        return table

    table = _checked(name, "Parquet", read)
    key = example.name.partition("=")[0]
    note = f"{name}: the folders such as {example.name!r} are read as the column {key!r}"
    return _of_table(table, notes=(note,))


def _checked(name: str, kind: str, read: Callable[[], Content]) -> Content:
    try:
        import pyarrow as pa
    except ModuleNotFoundError as error:
        raise needs_package(name, f"read {kind} files", error) from error
    try:
        return read()
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        raise FileError(f"{name}: the {kind} file is damaged ({reason}); write it again") from error


def _file_table(path: Path) -> "pa.Table":
    from pyarrow.parquet import ParquetFile

    # `read_table` would add a column for each parent folder named like `year=2020`.
    with ParquetFile(path) as file:
        table = file.read()
    table.validate(full=True)
    return _restore_categories(table)


def _stream(path: Path) -> "pa.Table | None":
    """Read an Arrow stream, which has no magic number; None for another file."""
    import pyarrow as pa

    with path.open("rb") as file:
        if file.read(4) != b"\xff\xff\xff\xff":
            return None
    with pa.ipc.open_stream(path.read_bytes()) as stream:
        return stream.read_all()


def _of_table(table: "pa.Table", *, notes: tuple[str, ...] = ()) -> ArrowFile:
    index = (table.schema.pandas_metadata or {}).get("index_columns", [])
    names = tuple(column for column in index if column in table.column_names)
    return ArrowFile(table=table, notes=notes, index_columns=names)


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


def _restore_categories(table: "pa.Table") -> "pa.Table":
    """Convert pandas' integer categories to strings; Parquet stores them as plain integers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = (table.schema.pandas_metadata or {}).get("columns", [])
    for column in columns:
        name = column.get("field_name")
        if column.get("pandas_type") == "categorical" and name in table.column_names:
            index = table.column_names.index(name)
            if pa.types.is_integer(table.schema.field(index).type):
                codes = pc.cast(table[name], pa.string()).dictionary_encode()
                table = table.set_column(index, name, codes)
    return table
