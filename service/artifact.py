"""An artifact's bytes: read from disk once, whole, and shown to be what was verified."""

import errno
import hashlib
import os
import re
import stat
from pathlib import Path

from service.contract import DIGEST_LENGTH, ContractError, Metadata

MAX_BYTES = 1 << 29  # a highway network is far below, and more takes seconds to refuse

# Windows knows only the first; a pipe is opened without waiting for its other end.
_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def read_artifact(path: Path) -> bytes:
    """Return the whole file; what cannot be an artifact is a `ContractError`."""
    return read_file(path, "an .onnx file", MAX_BYTES, link=False)


def read_file(path: Path, expected: str, most: int, *, link: bool = True) -> bytes:
    """Return a file of 1 to `most` bytes, which `path` may name by a `link`.

    Type and size are those of the file that is open, whatever happens to its name meanwhile.
    """
    flags = _FLAGS if link else _FLAGS | _NO_LINK
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        found = error.strerror or str(error)
        if not link and error.errno == errno.ELOOP and path.is_symlink():
            found = "a symbolic link; give the file it points to"
        raise ContractError(f"{path}: expected {expected}, found {found}") from error
    try:
        status = os.fstat(descriptor)
        _check_status(path, status, expected, most)
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(status.st_size)
    except OSError as error:
        raise ContractError(f"{path}: cannot be read: {error.strerror}") from error
    finally:
        os.close(descriptor)


def check_digest(content: bytes, metadata: Metadata) -> None:
    """Refuse bytes that are not those whose digest the verification record holds."""
    recorded = metadata.verification.get("digest")
    if not isinstance(recorded, str) or not re.fullmatch(rf"[0-9a-f]{{{DIGEST_LENGTH}}}", recorded):
        raise ContractError(
            "metadata 'highway.verification': expected the digest of a verified file, found none; "
            "write the file with `python -m export onnx`"
        )
    actual = digest(content, recorded)
    if actual != recorded:
        raise ContractError(
            f"digest: expected {recorded[:12]}…, found {actual[:12]}…: the file was changed after "
            "it was verified; export it again"
        )


def digest(content: bytes, recorded: str) -> str:
    """Return the sha256 of a file that holds its own digest: `recorded` counts as so many zeros."""
    return hashlib.sha256(content.replace(recorded.encode(), b"0" * DIGEST_LENGTH)).hexdigest()


def _check_status(path: Path, status: os.stat_result, expected: str, most: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        found = "a directory" if stat.S_ISDIR(status.st_mode) else "something else"
        raise ContractError(f"{path}: expected {expected}, found {found}")
    if status.st_size == 0:
        raise ContractError(f"{path}: expected {expected}, found an empty file")
    if status.st_size > most:
        raise ContractError(f"{path}: expected at most {most:,} bytes, found {status.st_size:,}")
