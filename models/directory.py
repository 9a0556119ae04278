"""Directories and files that a command writes: never over what is there, never half."""

import os
from pathlib import Path

from models.errors import RunError


def make_new(path: Path, *, instead: str = "") -> None:
    """Make a directory with its parents; one that holds something already is left alone.

    `instead` names what else would have been welcome there, for the message.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(
            f"{path}: expected a new or empty directory{instead}, found existing files; "
            "choose another --out"
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{path}: cannot be created: {error.strerror}") from error


def write_whole(path: Path, content: bytes) -> None:
    """Write beside the final name, then move into place: no reader ever sees half a file."""
    beside = path.with_name(f"{path.name}.partial")
    beside.write_bytes(content)
    os.replace(beside, path)
