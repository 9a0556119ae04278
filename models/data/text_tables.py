"""Text files of tables as Arrow columns of strings, by the rules of `highway predict`."""

from pathlib import Path

import pyarrow as pa
from highway_client.errors import FileError
from highway_client.files.text_tables import TEXT_SUFFIXES, read_text_table

from models.data.opened_table import OpenedTable
from models.errors import DataError
from service.contract import TextFormat

SUFFIXES = frozenset(TEXT_SUFFIXES)


def open_text_table(path: Path, text: TextFormat) -> OpenedTable:
    """Read all cells as they are written; a `DataError` says what hinders it, and in which line."""
    try:
        found = read_text_table(path, text, name=path.name)
        chunks = [
            [pa.array(cells, pa.large_string()) for cells in chunk.columns]
            for chunk in found.chunks()
        ]
    except FileError as error:
        raise DataError(str(error)) from error
    columns = list(zip(*chunks, strict=True)) or [() for _ in found.names]
    arrays = [pa.chunked_array(column, pa.large_string()) for column in columns]
    return OpenedTable.of(path.name, pa.table(arrays, names=list(found.names)), notes=found.notes)
