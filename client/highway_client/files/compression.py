"""Bytes of a file, compressed or not; its first bytes must agree with its suffix."""

import gzip
import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from highway_client.errors import FileError

PIECE = 2**16  # bytes read at a time: larger pieces took 4 times as long, for fresh memory
GZIP, ZIP, ZSTANDARD = ".gz", ".zip", ".zst"
COMPRESSED = (GZIP, ZIP, ZSTANDARD)
# The first bytes of files that are often named as text, what they are, and their suffix.
KINDS: tuple[tuple[bytes, str, str | None], ...] = (
    (b"\x1f\x8b", "a gzip file", GZIP),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file", ZSTANDARD),
    (b"PK\x03\x04", "a zip file", ZIP),
    (b"PK\x05\x06", "an empty zip file", ZIP),
    (b"PAR1", "a Parquet file", ".parquet"),
    (b"ARROW1", "an Arrow file", ".feather"),
    (b"\x93NUMPY", "a NumPy file", ".npy"),
    (b"\xd0\xcf\x11\xe0", "an Excel file of the form before 2007", None),
    (b"FEA1", "a Feather file of the first version", None),
    (b"BZh", "a bzip2 file", None),
    (b"\xfd7zXZ\x00", "an xz file", None),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip file", None),
    (b"SQLite format 3\x00", "an SQLite database", None),
    (b"\x89HDF", "an HDF5 file", None),
    (b"%PDF-", "a PDF file", None),
    (b"<!DOCTYPE html", "an HTML page", None),  # of a download that failed
    (b"<!doctype html", "an HTML page", None),
    (b"<html", "an HTML page", None),
    (b"<?xml", "an XML file", None),
    (b'{"', "a JSON file", None),
    (b'[{"', "a JSON file", None),
)
# Files in a zip file by which it is another kind of file.
MEMBERS = (
    ("xl/workbook.xml", "an Excel workbook", ".xlsx"),
    ("content.xml", "an OpenDocument file", None),
)
UNREADABLE = (
    *(OSError, EOFError, ValueError, RuntimeError, MemoryError, zlib.error),
    zipfile.BadZipFile,
)


class Readable(Protocol):
    """A binary file open for reading."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """Some whole lines of a text: bytes `start` to `stop`, decompressed, from line number `line`.

    Without a `stop`, it is the rest of the text.
    """

    start: int = 0
    stop: int | None = None
    line: int = 1


WHOLE = Span()


def check_kind(path: Path, name: str) -> None:
    """Refuse a file that is no regular one, or whose first bytes disagree with its suffix."""
    try:
        kind, suffix = _kind(path, name)
    except OSError as error:
        raise _unreadable(name, error) from error
    expected = compression(path.name)
    if expected is None and kind is not None:
        advice = "save the table as CSV"
        if suffix is not None:
            right = path.name + suffix if suffix in COMPRESSED else path.with_suffix(suffix).name
            advice = f"name it {right!r}"
        raise FileError(f"{name}: expected text, found {kind}; {advice}")
    if expected not in (None, suffix):
        raise FileError(
            f"{name}: expected a compressed file as the suffix {expected!r} says, found "
            f"{kind or 'one that is not'}; give it the suffix of what it is"
        )


def compression(file_name: str) -> str | None:
    """Return the suffix by which a file's name says that it is compressed, if any."""
    suffix = Path(file_name).suffix.lower()
    return suffix if suffix in COMPRESSED else None


def inner_suffix(path: Path, name: str) -> str:
    """Return the suffix of the text itself, in lower case, without that of its compression."""
    kind = compression(path.name)
    if kind is None:
        return path.suffix.lower()
    suffix = Path(path.stem).suffix.lower()
    if kind == ZIP and not suffix:
        try:
            with zipfile.ZipFile(path) as archive:
                return Path(_member(archive, name)).suffix.lower()
        except UNREADABLE as error:
            raise _unreadable(name, error) from error
    return suffix


def pieces(path: Path, name: str, span: Span = WHOLE) -> Iterator[bytes]:
    """Yield the bytes of a file, decompressed as its suffix says, a piece at a time."""
    try:
        with ExitStack() as stack:
            file = _opened(stack, path, name)
            at = _skip(file, span.start)
            while piece := file.read(PIECE if span.stop is None else min(PIECE, span.stop - at)):
                at += len(piece)
                yield piece
    except UNREADABLE as error:
        raise _unreadable(name, error) from error


def _kind(path: Path, name: str) -> tuple[str | None, str | None]:
    """Return what the first bytes show and its suffix, both None for anything else."""
    if not stat.S_ISREG(path.stat().st_mode):  # opening a named pipe would wait for its writer
        raise FileError(f"{name}: expected a file, found a folder, a pipe or a device")
    with path.open("rb") as file:
        start = file.read(16)
    for mark, kind, suffix in KINDS:
        if start.startswith(mark):
            return _zip_kind(path) if suffix == ZIP else (kind, suffix)
    return None, None


def _zip_kind(path: Path) -> tuple[str, str | None]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except UNREADABLE:
        names = []  # reading it says what is wrong
    found = ((kind, suffix) for member, kind, suffix in MEMBERS if member in names)
    return next(found, ("a zip file", ZIP))


def _opened(stack: ExitStack, path: Path, name: str) -> Readable:
    kind = compression(path.name)
    if kind == GZIP:
        return stack.enter_context(gzip.open(path, "rb"))
    if kind == ZIP:
        archive = stack.enter_context(zipfile.ZipFile(path))
        return stack.enter_context(archive.open(_member(archive, name)))
    if kind == ZSTANDARD:
        return _zstandard(stack, path, name)
    return stack.enter_context(path.open("rb"))


def _skip(file: Readable, size: int) -> int:
    """Pass over the first bytes, and return their number."""
    if isinstance(file, io.BufferedReader):  # a compressed file is decompressed up to there
        return file.seek(size)
    left = size
    while left and (piece := file.read(min(PIECE, left))):
        left -= len(piece)
    return size


def _zstandard(stack: ExitStack, path: Path, name: str) -> Readable:
    try:
        import pyarrow as pa
    except ModuleNotFoundError as error:
        raise FileError(
            f"{name}: expected pyarrow to read a Zstandard file, found none; install it with "
            "`pip install pyarrow`"
        ) from error
    file: Readable = stack.enter_context(pa.input_stream(str(path), compression="zstd"))
    return file


def _member(archive: zipfile.ZipFile, name: str) -> str:
    """Return the name of the only file in an archive, besides those that systems add."""
    members = [
        member.filename
        for member in archive.infolist()
        if not member.is_dir()
        and not member.filename.startswith("__MACOSX/")
        and not Path(member.filename).name.startswith(".")
    ]
    if len(members) != 1:
        listed = ", ".join(map(repr, members[:5])) + (", …" if len(members) > 5 else "")
        raise FileError(
            f"{name}: expected a zip file of one table, found {len(members)} files"
            f"{f' ({listed})' if members else ''}; extract the table"
        )
    return members[0]


def _unreadable(name: str, error: BaseException) -> FileError:
    if isinstance(error, FileError):
        return error
    if isinstance(error, OSError) and error.strerror:
        return FileError(f"{name}: cannot be read: {error.strerror}")
    if isinstance(error, RuntimeError) and "encrypted" in str(error):
        return FileError(f"{name}: the zip file is encrypted; extract the table")
    return FileError(f"{name}: the compressed file is damaged ({error}); write it again")
