"""The pictures in a folder and its subfolders, each named by its path in the folder."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from highway_client.calls import rows_per_request
from highway_client.description import Input
from highway_client.errors import FileError
from highway_client.files.idx import is_idx_file
from highway_client.files.pictures import read_picture
from highway_client.files.rows import Batch, FileRows

MAX_PICTURES = 64  # of one request: decoding takes longer than a prediction
# Written by file managers, archivers and network drives; in lower case.
JUNK = {
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir"),
    *("$recycle.bin", "system volume information", "lost+found"),
}


def read_picture_folder(path: Path, row: Input, *, invert: bool) -> FileRows:
    """Read all files of a folder in the order of their names, with or without label folders.

    Hidden files and those of file managers are passed over.
    """
    files = picture_files(path)
    return FileRows(batches=_batches(path, files, row, invert=invert), count=len(files))


def picture_files(path: Path) -> list[Path]:
    """Return the pictures of a folder in the order of their names; there is at least one."""
    files = list(_files(path))
    if not files:
        raise FileError(f"{path}: expected pictures in the folder, found none")
    images = next(filter(is_idx_file, files), None)
    if images is not None:
        raise FileError(
            f"{path}: expected one file of images, found a folder of such files; give one, such as "
            f"{images}"
        )
    return files


def _files(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise FileError(f"{folder}: the folder cannot be read: {error.strerror}") from error
    for path in entries:
        if path.name.startswith(".") or path.name.lower() in JUNK:
            continue
        if path.is_dir():
            yield from _files(path)
        elif path.is_file():
            yield path
        else:
            raise FileError(
                f"{path}: expected a picture or a folder, found a link without a target, a pipe or "
                "a device; remove it"
            )


def _batches(folder: Path, files: list[Path], row: Input, *, invert: bool) -> Iterator[Batch]:
    step = min(MAX_PICTURES, rows_per_request(row.size))
    for start in range(0, len(files), step):
        part = files[start : start + step]
        pictures = [read_picture(path, row, invert=invert) for path in part]
        yield Batch(
            rows=np.concatenate([picture.values for picture in pictures]),
            names=tuple(path.relative_to(folder).as_posix() for path in part),
            notes=tuple(note for picture in pictures for note in picture.notes),
        )
