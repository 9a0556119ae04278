"""The model repository: one file, a folder with one file, or folders NAME/VERSION/model.onnx.

The operator chose its path, so symbolic links are followed, which the volumes of Kubernetes consist
of: `model.onnx -> ..data/model.onnx`, where `..data` is replaced by a link to another folder.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from service.artifact import read_file, signature_path
from service.classifier import read_signed
from service.contract import ContractError
from service.inference.models import version_key
from service.inference.traffic import Traffic

FILE_NAME = "model.onnx"
SUFFIX = ".onnx"
LAYOUT = "one .onnx file or folders of models, NAME/VERSION/model.onnx"
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


# Of a file: inode, size and time of its last change, not of a link; of its signature, too, if one
# is required.
Stamp = tuple[int, ...]


class LayoutError(ContractError):
    """A folder that does not say which file is to be served."""


class Repository:
    """Finds artifacts on disk, and reads them."""

    def __init__(self, path: Path, public_key: Path | None) -> None:
        """Read from a file or a folder; with `public_key`, every file must be signed by it."""
        self.path = path
        self._public_key = public_key
        self.is_folder = path.is_dir()

    def sources(self) -> dict[Source, Stamp]:
        """Return the files by name and rising version, each with its stamp.

        A folder without a model, and a file that ends while it is read, are left out. Raises
        `LayoutError` if a folder holds a file beside others.
        """
        if not self.is_folder:
            return {Source(path=self.path): self._model_stamp(self.path) or (0, 0, 0)}
        found = self._files() | self._versions()
        if len(found) > 1 and any(source.name is None for source in found):
            one, other, *_ = (source.path.relative_to(self.path) for source in found)
            raise LayoutError(
                f"{self.path}: expected {LAYOUT}, found {one} and {other}; remove one of them"
            )
        return found

    def checked_sources(self) -> dict[Source, Stamp]:
        """Return `sources`; a `ContractError` if there are none."""
        sources = self.sources()
        if not sources:
            raise ContractError(f"{self.path}: expected {LAYOUT}, found a folder without any")
        return sources

    def _files(self) -> dict[Source, Stamp]:
        """Return the files that the folder directly contains."""
        found = {}
        for path in _entries(self.path, folders=False):
            stamp = self._model_stamp(path) if path.suffix == SUFFIX else None
            if stamp is not None:
                found[Source(path=path)] = stamp
        return found

    def _versions(self) -> dict[Source, Stamp]:
        found = {}
        for folder in _entries(self.path, folders=True):
            for version in sorted(
                _entries(folder, folders=True), key=lambda path: version_key(path.name)
            ):
                path = version / FILE_NAME
                stamp = self._model_stamp(path)
                if stamp is not None:
                    found[Source(path=path, name=folder.name, version=version.name)] = stamp
        return found

    def traffic_files(self) -> dict[str, tuple[Path, Stamp]]:
        """Return the models' traffic files by the model's name."""
        found = {}
        for folder in _entries(self.path, folders=True) if self.is_folder else ():
            path = folder / TRAFFIC_FILE
            stamp = _stamp(path)
            if stamp is not None:
                found[folder.name] = (path, stamp)
        return found

    def _model_stamp(self, path: Path) -> Stamp | None:
        """Return the stamp of a model, which changes with its signature if one is required."""
        stamp = _stamp(path)
        if stamp is None or self._public_key is None:
            return stamp
        return stamp + (_stamp(signature_path(path)) or (0, 0, 0))

    def read(self, source: Source) -> bytes:
        """Return the bytes of a file, with a valid signature if one is required.

        Otherwise a `ContractError`.
        """
        return read_signed(source.path, self._public_key, follow_link=True)

    def without_paths(self, text: str, places: Mapping[Path, str]) -> str:
        """Return a message for clients, who must not see paths; `places` are names for files."""
        for path in places:
            for link in (path, signature_path(path)):
                with suppress(OSError):  # it is not a link
                    text = text.replace(f", {os.readlink(link)}", "")
        if self._public_key is not None:
            places = {**places, self._public_key: "public key"}
        for path, place in places.items():
            text = text.replace(str(path), place)
        return text


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


def _entries(path: Path, *, folders: bool) -> Iterator[Path]:
    """Yield the folders, or all else, that a folder contains, links as what they point to."""
    try:
        with os.scandir(path) as entries:
            names = sorted(e.name for e in entries if _is_dir(e) == folders and _is_text(e.name))
    except OSError:  # it was removed meanwhile
        return
    yield from (path / name for name in names)


def _is_dir(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads back to itself; to read it says so
        return False


def _is_text(name: str) -> bool:
    """Return whether a name can be that of a model or version: not hidden, and valid Unicode."""
    return not name.startswith(".") and name.isprintable()


def _stamp(path: Path) -> Stamp | None:
    try:
        try:
            status = os.stat(path)
        except OSError:  # the link's own stamp, so that reading it says where it leads
            status = os.stat(path, follow_symlinks=False)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
