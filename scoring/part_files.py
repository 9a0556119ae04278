"""Files that get their name when they are complete and on disk."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa

from scoring.errors import ScoringError

TEMPORARY = ".tmp"


def temporary_of(path: Path) -> Path:
    """Return a name for the file until it is complete, different in each process.

    A worker of a command that was killed may still write the same part.
    """
    return path.with_name(f"{path.name}.{uuid.uuid4().hex}{TEMPORARY}")


@contextmanager
def written_part(path: Path) -> Iterator["PartWriter"]:
    """Write tables to an Arrow file; errors are `OSError`s, and leave no file."""
    temporary = temporary_of(path)
    writer = PartWriter(temporary)
    try:
        yield writer
        writer.close()
        publish(temporary, path)
    finally:
        writer.abandon()
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


class PartWriter:
    """Writes tables of one schema to an Arrow file at a path."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sink: pa.NativeFile | None = None
        self._writer: pa.ipc.RecordBatchFileWriter | None = None
        self.rows = 0

    def write(self, table: pa.Table) -> None:
        """Append the rows of a table."""
        if self._writer is None:
            self._sink = pa.OSFile(str(self._path), "wb")
            self._writer = pa.ipc.new_file(self._sink, table.schema)
        self._writer.write_table(table)
        self.rows += table.num_rows

    def close(self) -> None:
        """Complete the file."""
        if self._writer is None:
            self.write(pa.table({}))
        assert self._writer is not None
        assert self._sink is not None
        self._writer.close()
        self._sink.close()
        self._writer = self._sink = None

    def abandon(self) -> None:
        """Close the file as it is, after an error."""
        if self._sink is not None:
            with suppress(OSError):
                self._sink.close()


def count_rows(path: Path) -> int:
    """Return the number of rows of a complete part; a `ScoringError` if the file is damaged."""
    try:
        with pa.memory_map(str(path)) as file:
            reader = pa.ipc.open_file(file)
            return sum(reader.get_batch(i).num_rows for i in range(reader.num_record_batches))
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise ScoringError(
            f"{path}: expected the scores of a finished part, found a damaged file ({reason}); "
            "remove it, and run the same command again"
        ) from error


def publish(temporary: Path, path: Path) -> None:
    """Give a complete file its name: its bytes, and then its name, are on disk."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def write_synced(path: Path, text: str) -> None:
    """Write a text, of which the bytes and the name are on disk at the end."""
    with path.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Write the names of the files in a folder to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
