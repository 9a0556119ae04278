"""Reading an artifact's bytes from disk, and checking their digest."""

import errno
import hashlib
import os
import re
import stat
from pathlib import Path

from service.contract import DIGEST_LENGTH, ContractError, Metadata

MAX_BYTES = 1 << 29  # far above any highway network; onnxruntime takes seconds to refuse more

# O_BINARY exists on Windows only, O_NONBLOCK elsewhere: opening a pipe must not wait for a writer.
_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


def read_artifact(path: Path, *, follow_link: bool = False) -> bytes:
    """Return the file's bytes; a `ContractError` if it cannot be an artifact."""
    return read_file(path, "an .onnx file", MAX_BYTES, follow_link=follow_link)


def read_file(path: Path, expected: str, max_bytes: int, *, follow_link: bool = True) -> bytes:
    """Return the bytes of a regular file of 1 to `max_bytes` bytes; errors call it `expected`.

    Type and size are checked on the open file, so that replacing the path meanwhile has no effect.
    """
    flags = _FLAGS if follow_link else _FLAGS | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        found = _what_cannot_be_opened(path, error, follow_link=follow_link)
        raise ContractError(f"{path}: expected {expected}, found {found}") from error
    try:
        status = os.fstat(descriptor)
        _check_status(path, status, expected, max_bytes)
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(status.st_size)
    except OSError as error:
        raise ContractError(f"{path}: cannot be read: {error.strerror}") from error
    finally:
        os.close(descriptor)


def signature_path(path: Path) -> Path:
    """Return the path of the signature of the artifact at `path`."""
    return Path(f"{path}.sig")


def check_digest(content: bytes, metadata: Metadata) -> None:
    """Raise a `ContractError` unless the bytes have the digest in the verification record."""
    recorded = metadata.verification.get("digest")
    if not isinstance(recorded, str) or not re.fullmatch(rf"[0-9a-f]{{{DIGEST_LENGTH}}}", recorded):
        raise ContractError(
            "metadata 'highway.verification': expected the digest of a verified file, found none; "
            "write the file with `highway export`"
        )
    actual = digest(content, recorded)
    if actual != recorded:
        raise ContractError(
            f"digest: expected {recorded[:12]}…, found {actual[:12]}…: the file was changed after "
            "it was verified; export it again"
        )


def digest(content: bytes, recorded: str) -> str:
    """Return the sha256 of a file that contains its own digest, `recorded`, read as zeros."""
    return hashlib.sha256(content.replace(recorded.encode(), b"0" * DIGEST_LENGTH)).hexdigest()


def _what_cannot_be_opened(path: Path, error: OSError, *, follow_link: bool) -> str:
    if path.is_symlink():
        if error.errno == errno.ELOOP and not follow_link:
            return "a symbolic link; give the file it points to"
        if error.errno == errno.ELOOP:
            return "a symbolic link that leads back to itself"
        if error.errno == errno.ENOENT:
            return f"a symbolic link to a missing file, {os.readlink(path)}"
    return error.strerror or str(error)


def _check_status(path: Path, status: os.stat_result, expected: str, max_bytes: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        found = "a directory" if stat.S_ISDIR(status.st_mode) else "a special file"
        raise ContractError(f"{path}: expected {expected}, found {found}")
    if status.st_size == 0:
        raise ContractError(f"{path}: expected {expected}, found an empty file")
    if status.st_size > max_bytes:
        found = f"{status.st_size:,}"
        raise ContractError(f"{path}: expected at most {max_bytes:,} bytes, found {found}")
