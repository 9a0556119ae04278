"""CSV on standard output, and files of predictions, which get their name when they are complete."""

import csv
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from highway_client.errors import FileError
from highway_client.files.arrow_files import needs_package
from highway_client.terminal import removed_if_stopped

Columns = Mapping[str, Iterable[Any]]
Write = Callable[[Columns], None]

CSV, PARQUET = ".csv", ".parquet"


def print_csv(names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a line of names and a line for each row."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)


@contextmanager
def printed_csv() -> Iterator[Write]:
    """Print the columns of parts of a table as CSV."""
    yield _csv_write(sys.stdout)


@contextmanager
def written_file(path: Path) -> Iterator[Write]:
    """Write the columns of parts of a table to a `.csv` or `.parquet` file.

    An existing file is replaced when the block ends without an error; every error of the file is a
    `FileError`.
    """
    opened = {CSV: _csv_file, PARQUET: _parquet_file}.get(path.suffix.lower())
    if opened is None:
        raise FileError(
            f"--out: expected a file that ends with {CSV} or {PARQUET}, found {str(path)!r}"
        )
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with removed_if_stopped(part):
            part.touch()  # before any row is sent
            with opened(part) as write:
                yield write
            part.replace(path)
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _csv_file(path: Path) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:
        yield _csv_write(file)


def _csv_write(file: Any) -> Write:
    writer = csv.writer(file, lineterminator="\n")
    begun = False

    def write(columns: Columns) -> None:
        nonlocal begun
        if not begun:
            writer.writerow(columns)
        begun = True
        writer.writerows(zip(*map(_plain, columns.values()), strict=True))

    return write


@contextmanager
def _parquet_file(path: Path) -> Iterator[Write]:
    try:
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter
    except ModuleNotFoundError as error:
        raise needs_package("--out", "write Parquet files", error) from error
    writer: Any = None

    def write(columns: Columns) -> None:
        nonlocal writer
        table = pa.table({name: pa.array(values) for name, values in columns.items()})
        writer = writer or ParquetWriter(path, table.schema)
        writer.write_table(table)

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()


def _plain(values: Iterable[Any]) -> Iterable[Any]:
    """Return float32 numbers in as few digits as distinguish them."""
    return map(str, values)
