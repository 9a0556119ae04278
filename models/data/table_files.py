"""Files and folders that hold a table, by their suffix or content."""

from pathlib import Path

from highway_client.files.arrow_files import is_parquet_folder

from models.data import excel, numpy_tables, parquet, text_tables
from models.data.opened_table import OpenedTable
from models.errors import DataError
from service.contract import TextFormat

OLD_EXCEL = (".xls", ".xlsb", ".ods")


def is_table(path: Path) -> bool:
    """Return whether `open_table` reads this path."""
    if path.is_dir():
        return is_parquet_folder(path)
    suffix = path.suffix.lower()
    known = text_tables.SUFFIXES | parquet.SUFFIXES | excel.SUFFIXES | {numpy_tables.SUFFIX}
    return path.is_file() and (suffix in known or suffix in OLD_EXCEL)


def open_table(path: Path, text: TextFormat) -> OpenedTable:
    """Read a table; every error is a `DataError`."""
    suffix = path.suffix.lower()
    if path.is_dir():
        return parquet.open_parquet_folder(path, text)
    if suffix in text_tables.SUFFIXES:
        return text_tables.open_text_table(path, text)
    if suffix in excel.SUFFIXES:
        return excel.open_excel(path, text)
    if suffix in OLD_EXCEL:
        raise DataError(f"{path.name}: expected .xlsx or .csv, found {suffix}; save it as .xlsx")
    if suffix == numpy_tables.SUFFIX:
        return numpy_tables.open_array(path, text)
    is_parquet = suffix in (".parquet", ".pq")
    return (parquet.open_parquet if is_parquet else parquet.open_arrow)(path, text)
