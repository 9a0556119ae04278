"""Writing directories and files without overwriting data or leaving incomplete files."""

import os
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
