"""Parquet and Arrow files, and folders of Parquet files, read as `highway predict` does."""

from collections.abc import Callable
from pathlib import Path

from highway_client.errors import FileError
from highway_client.files.arrow_files import (
    ARROW_SUFFIXES,
    PARQUET_SUFFIXES,
    ArrowFile,
    read_arrow,
    read_parquet,
    read_parquet_folder,
)

from models.data.opened_table import OpenedTable
from models.errors import DataError
from service.contract import TextFormat

SUFFIXES = frozenset((*PARQUET_SUFFIXES, *ARROW_SUFFIXES))


def open_parquet(path: Path, text: TextFormat) -> OpenedTable:
    """Read a Parquet file."""
    return open_typed(read_parquet, path, text)


def open_arrow(path: Path, text: TextFormat) -> OpenedTable:
    """Read a Feather file, or an Arrow file or stream."""
    return open_typed(read_arrow, path, text)


def open_parquet_folder(path: Path, text: TextFormat) -> OpenedTable:
    """Read all Parquet files of a folder as one table; folders named KEY=VALUE add a column."""
    return open_typed(read_parquet_folder, path, text)


def open_typed(read: Callable[[Path, str], ArrowFile], path: Path, text: TextFormat) -> OpenedTable:
    """Read a typed table by a reader of the client; every error is a `DataError`."""
    try:
        file = read(path, path.name)
    except FileError as error:
        raise DataError(str(error)) from error
    return OpenedTable.typed(
        path.name, file.table, text, notes=file.notes, index_columns=file.index_columns
    )
