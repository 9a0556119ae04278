"""Excel workbooks: the first sheet as a table, as `highway predict` reads it."""

from pathlib import Path

from highway_client.files.workbooks import EXCEL_SUFFIXES, read_excel

from models.data.opened_table import OpenedTable
from models.data.parquet import open_typed
from service.contract import TextFormat

SUFFIXES = frozenset(EXCEL_SUFFIXES)


def open_excel(path: Path, text: TextFormat) -> OpenedTable:
    """Read the first sheet; every error is a `DataError`."""
    return open_typed(read_excel, path, text)
