"""Atomic writes of artifacts and signatures."""

import os
import tempfile
from pathlib import Path

from export.errors import WriteError


def write_file(path: Path, content: bytes) -> None:
    """Write a temporary file in the same folder, flush it to disk and rename it to `path`.

    If that fails, an earlier file stays unchanged and no temporary file remains.
    """
    temporary: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)  # mkstemp makes files that only their owner can read
        os.replace(temporary, path)
    except OSError as error:
        raise WriteError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
