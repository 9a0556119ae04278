"""The model repository: the artifacts of one file, or of a folder NAME/VERSION/model.onnx."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from service.artifact import read_file
from service.classifier import read_signed
from service.contract import ContractError
from service.inference.models import version_key
from service.inference.traffic import Traffic

FILE_NAME = "model.onnx"
TRAFFIC_FILE = "traffic.json"  # in a model's folder
MAX_TRAFFIC_BYTES = 4096


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file that may hold an artifact; `name` and `version` are those of its folders, if any."""

    path: Path
    name: str | None = None
    version: str | None = None

    @property
    def place(self) -> str:
        """What messages call the file: a part of its path that a client may see."""
        return self.path.name if self.name is None else f"{self.name}/{self.version}"


Stamp = tuple[int, int, int]  # of a file: inode, size and time of its last change


class Repository:
    """Finds artifacts on disk, and reads them."""

    def __init__(self, path: Path, public_key: Path | None) -> None:
        """Read from a file or a folder; with `public_key`, every file must be signed by it."""
        self.path = path
        self._public_key = public_key
        self.is_folder = path.is_dir()

    def sources(self) -> dict[Source, Stamp]:
        """Return the files by name and rising version, each with its stamp.

        A folder without a model, and a file that ends while it is read, are left out.
        """
        if not self.is_folder:
            return {Source(path=self.path): _stamp(self.path) or (0, 0, 0)}
        found = {}
        for folder in _folders(self.path):
            for version in sorted(_folders(folder), key=lambda path: version_key(path.name)):
                path = version / FILE_NAME
                stamp = _stamp(path)
                if stamp is not None:
                    found[Source(path=path, name=folder.name, version=version.name)] = stamp
        return found

    def traffic_files(self) -> dict[str, tuple[Path, Stamp]]:
        """Return the models' traffic files by the model's name."""
        found = {}
        for folder in _folders(self.path) if self.is_folder else ():
            path = folder / TRAFFIC_FILE
            stamp = _stamp(path)
            if stamp is not None:
                found[folder.name] = (path, stamp)
        return found

    def read(self, source: Source) -> bytes:
        """Return the bytes of a file, with a valid signature if one is required.

        Otherwise a `ContractError`.
        """
        return read_signed(source.path, self._public_key)


def read_traffic(path: Path) -> Traffic:
    """Read a traffic file; anything else is a `ContractError`."""
    content = read_file(path, "a model's traffic in JSON", MAX_TRAFFIC_BYTES)
    try:
        return _TRAFFIC.validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "file"
        raise ContractError(f"{path}: {place}: {first['msg']}") from error


def check_place(source: Source, name: str, version: str) -> None:
    """Raise a `ContractError` unless an artifact is in the folder of its name and version."""
    if source.name is not None and (source.name, source.version) != (name, version):
        raise ContractError(
            f"expected '{source.name}' version {source.version}, as its folders say, found "
            f"'{name}' version {version}; move the file, or export it with --name and --version"
        )


_TRAFFIC = TypeAdapter(Traffic)


def _folders(path: Path) -> Iterator[Path]:
    try:
        with os.scandir(path) as entries:
            names = sorted(e.name for e in entries if e.is_dir() and _is_text(e.name))
    except OSError:  # it was removed meanwhile
        return
    yield from (path / name for name in names)


def _is_text(name: str) -> bool:
    """Return whether a folder can be a model's or a version's: not hidden, and valid Unicode."""
    return not name.startswith(".") and name.isprintable()


def _stamp(path: Path) -> Stamp | None:
    try:
        status = os.stat(path, follow_symlinks=False)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
