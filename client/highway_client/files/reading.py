"""Reader of a file's rows; the suffix selects the format."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from highway_client.description import Input
from highway_client.errors import FileError
from highway_client.files.arrays import read_array, read_instances
from highway_client.files.pictures import read_picture
from highway_client.files.rows import FileRows
from highway_client.files.tables import read_table
from highway_client.files.text_tables import TEXT_SUFFIXES

READERS: dict[str, Callable[[Path, Input], FileRows]] = {
    ".json": read_instances,
    **dict.fromkeys(TEXT_SUFFIXES, read_table),
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
    """Read rows for a model of input `row`; every error is a `FileError`."""
    suffix = path.suffix.lower()
    if not path.is_file():
        found = "a directory" if path.is_dir() else "none"
        raise FileError(f"{path}: expected a file, found {found}")
    if suffix in PICTURES:
        return read_picture(path, row, invert=invert)
    if invert:
        raise FileError(f"--invert: expected a picture, found {path.name}; omit the option")
    if suffix not in READERS:
        known = ", ".join((*READERS, *PICTURES))
        raise FileError(f"{path}: expected one of the suffixes {known}, found {suffix or 'none'}")
    return READERS[suffix](path, row)
