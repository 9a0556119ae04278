"""An artifact's bytes: read from disk once, whole, and shown to be what was verified."""

import re
import stat
from pathlib import Path

from service.contract import DIGEST_LENGTH, ContractError, Metadata, digest

MAX_BYTES = 1 << 30  # protobuf itself ends at 2 GiB; a highway network is far below


def read_artifact(path: Path) -> bytes:
    """Return the whole file; what cannot be an artifact is a `ContractError`."""
    try:
        status = path.stat()
    except OSError as error:
        raise ContractError(
            f"{path}: expected an .onnx file, found {error.strerror or error}"
        ) from error
    if not stat.S_ISREG(status.st_mode):
        found = "a directory" if stat.S_ISDIR(status.st_mode) else "something else"
        raise ContractError(f"{path}: expected an .onnx file, found {found}")
    if status.st_size == 0:
        raise ContractError(f"{path}: expected an .onnx file, found an empty file")
    if status.st_size > MAX_BYTES:
        raise ContractError(
            f"{path}: expected at most {MAX_BYTES:,} bytes, found {status.st_size:,}"
        )
    try:
        return path.read_bytes()
    except OSError as error:
        raise ContractError(f"{path}: cannot be read: {error.strerror}") from error


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
