"""Reader of a file's rows; the suffix selects the format."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from highway_client.description import Input
from highway_client.errors import FileError
from highway_client.files.arrays import read_array, read_instances
from highway_client.files.arrow_files import (
    ARROW_SUFFIXES,
    PARQUET_SUFFIXES,
    is_parquet_folder,
    read_arrow,
    read_parquet,
    read_parquet_folder,
)
from highway_client.files.idx import is_idx_file, read_images
from highway_client.files.picture_folders import read_picture_folder
from highway_client.files.pictures import read_picture_file
from highway_client.files.rows import FileRows
from highway_client.files.tables import read_table
from highway_client.files.text_tables import TEXT_SUFFIXES
from highway_client.files.typed_tables import read_typed_table
from highway_client.files.workbooks import EXCEL_SUFFIXES, read_excel

READERS: dict[str, Callable[[Path, Input], FileRows]] = {
    ".json": read_instances,
    **dict.fromkeys(TEXT_SUFFIXES, read_table),
    **dict.fromkeys(PARQUET_SUFFIXES, partial(read_typed_table, read=read_parquet)),
    **dict.fromkeys(ARROW_SUFFIXES, partial(read_typed_table, read=read_arrow)),
    **dict.fromkeys(EXCEL_SUFFIXES, partial(read_typed_table, read=read_excel)),
    ".npy": read_array,
    ".npz": read_array,
}
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")


def written(row: Input, *, delimiter: str | None, encoding: str | None) -> Input:
    """Return `row` for a table that is written otherwise than the training data."""
    text = row.text
    if delimiter is not None:
        text = replace(text, delimiter=delimiter)
    if encoding is not None:
        text = replace(text, encoding=encoding)
    return replace(row, text=text)


def read_rows(path: Path, row: Input, *, invert: bool) -> FileRows:
    """Read rows for a model of input `row`, from a file or a folder; errors are `FileError`s."""
    suffix = path.suffix.lower()
    if path.is_dir() and not is_parquet_folder(path):
        return read_picture_folder(path, row, invert=invert)
    if not path.is_file() and not path.is_dir():
        found = "a pipe or a device" if path.exists() else "none"
        raise FileError(f"{path}: expected a file or a folder, found {found}")
    if suffix in PICTURES:
        return read_picture_file(path, row, invert=invert)
    if invert:
        raise FileError(f"--invert: expected a picture, found {path.name}; omit the option")
    if path.is_dir():
        return read_typed_table(path, row, read_parquet_folder)
    if is_idx_file(path):
        return read_images(path, row)
    if suffix not in READERS:
        known = ", ".join((*READERS, *PICTURES))
        raise FileError(f"{path}: expected one of the suffixes {known}, found {suffix or 'none'}")
    return READERS[suffix](path, row)
