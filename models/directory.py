"""Writing directories and files without overwriting data or leaving incomplete files."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import RunError


def create_directory(path: Path, *, alternative: str = "") -> None:
    """Create a directory and its parents; it may exist if it is empty.

    Raises `RunError` otherwise; `alternative` names other directories the command accepts.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(
            f"{path}: expected a new or empty directory{alternative}, found existing files; "
            "choose another --out"
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{path}: cannot be created: {error.strerror}") from error


def write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary name and rename, so that no reader sees an incomplete file."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    os.replace(partial, path)


def lock(descriptor: int, path: Path, work: str) -> None:
    """Lock an open file or directory, which the system undoes when all its descriptors are closed.

    Raises `RunError` if another process does `work` on `path`. Without an effect on Windows.
    """
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RunError(
            f"{path}: another process is {work}; wait for it, or choose another --out"
        ) from error


@contextmanager
def locked(directory: Path, work: str) -> Iterator[None]:
    """Hold the lock of an existing directory; see `lock`."""
    if sys.platform == "win32":  # cannot open a directory
        yield
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        lock(descriptor, directory, work)
        yield
    finally:
        os.close(descriptor)
