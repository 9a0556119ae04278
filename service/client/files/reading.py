"""One file to rows, by what its name ends in."""

from collections.abc import Callable
from pathlib import Path

from service.client.errors import FileError
from service.client.files.arrays import read_array
from service.client.files.instances import read_instances
from service.client.files.pictures import read_picture
from service.client.files.rows import FileRows
from service.client.files.tables import read_csv
from service.contract import Input

READERS: dict[str, Callable[[Path, Input], FileRows]] = {
    ".json": read_instances,
    ".csv": read_csv,
    ".npy": read_array,
    ".npz": read_array,
}
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")


def read_rows(path: Path, row: Input, *, invert: bool) -> FileRows:
    """Read the rows that a model of input `row` is to see; every fault is a `FileError`."""
    suffix = path.suffix.lower()
    if not path.is_file():
        found = "a directory" if path.is_dir() else "none"
        raise FileError(f"{path}: expected a file, found {found}")
    if suffix in PICTURES:
        return read_picture(path, row, invert=invert)
    if invert:
        raise FileError(f"--invert: expected a picture, found {path.name}; leave it out")
    if suffix not in READERS:
        known = ", ".join((*READERS, *PICTURES))
        raise FileError(
            f"{path}: expected a name that ends in one of {known}, found {suffix or 'no ending'}"
        )
    return READERS[suffix](path, row)
