"""The label folders of a folder of pictures, and the part of the data that each belongs to."""

import os
import re
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unicodedata import normalize

from highway_client.files.picture_folders import JUNK

from models.errors import DataError, join_names

TRAIN, VALIDATION, TEST = "training", "validation", "test"
PARTS = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation"), VALIDATION),
    **dict.fromkeys(("test", "testing"), TEST),
}
NUMBERED = re.compile(r"(?P<stem>(?P<label>.+)[._-])\d+\.\w+", re.DOTALL)  # cat.0.png, cat_0.png

FilesByLabel = dict[str, list[Path]]


@dataclass(frozen=True, kw_only=True)
class PictureFolder:
    """The picture files of each part by label, both sorted by name.

    `validation` and `test` are None without such a folder; their labels are among those of `train`.
    """

    train: FilesByLabel
    validation: FilesByLabel | None
    test: FilesByLabel | None
    notes: tuple[str, ...]


def scan(root: Path) -> PictureFolder:
    """Find the label folders in `root`, or in its folders `train`, `val` and `test`.

    Hidden files and those of file managers are passed over. Raises `DataError`, which names the
    file or folder.
    """
    scanner = _Scanner(root=root)
    folders = scanner.parts()
    parts = {part: scanner.labels(path) for part, path in folders.items()}
    for part, labels in parts.items():
        for label, files in labels.items():
            if label not in parts[TRAIN]:
                raise DataError(
                    f"{scanner.name(files[0].parent)}: expected only the labels of the training "
                    f"folder ({join_names(list(parts[TRAIN]))}), found {label!r} in the {part} "
                    "folder"
                )
    counts = [
        f"{sum(map(len, labels.values()))} {part} pictures in {folders[part].name!r}"
        for part, labels in parts.items()
        if folders[part] != root
    ]
    times = Counter(path.name for path in scanner.passed_over)
    passed = [f"{name!r} ({count})" for name, count in sorted(times.items())]
    return PictureFolder(
        train=parts[TRAIN],
        validation=parts.get(VALIDATION),
        test=parts.get(TEST),
        notes=(
            *([f"{root.name}: {', '.join(counts)}"] if counts else []),
            *([f"{root.name}: passed over {', '.join(passed)}"] if passed else []),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class _Entries:
    """The folders and files in a folder, each sorted by name."""

    folders: list[Path]
    files: list[Path]


@dataclass(frozen=True, kw_only=True)
class _Scanner:
    """Lists folders below `root`, and keeps the visible files that it passes over."""

    root: Path
    passed_over: set[Path] = field(default_factory=set)

    def name(self, path: Path) -> str:
        """Return the path with the root's own name, for messages."""
        return str(path.relative_to(self.root.parent))

    def parts(self) -> dict[str, Path]:
        """Return the folder of each part; without such folders the root is the training part."""
        entries = self._entries(self.root)
        if not entries.folders and not entries.files:
            raise DataError(
                f"{self.root.name}: the folder is empty; expected a subfolder of images for each "
                "label, or the files of MNIST or CIFAR"
            )
        found = self._parts_by_name(entries.folders)
        others = [path for path in entries.folders if path not in found.values()]
        if not found or (others and (TRAIN not in found or len(found) == 1)):
            return {TRAIN: self.root}  # a label may have the name of a part
        if TRAIN not in found:
            raise DataError(
                f"{self.root.name}: expected a folder 'train' beside {_names(found)}, found none; "
                "add it, or give a folder with a subfolder for each label"
            )
        self._refuse_flat(found)
        if others:
            raise DataError(
                f"{self.name(others[0])}: expected no folder beside {_names(found)}; move it "
                "elsewhere"
            )
        self._refuse_files(self.root, entries)
        return {part: found[part] for part in (TRAIN, VALIDATION, TEST) if part in found}

    def _parts_by_name(self, folders: Sequence[Path]) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for path in folders:
            part = PARTS.get(path.name.lower())
            if part in found:
                raise DataError(
                    f"{self.root.name}: expected one folder of {part} pictures, found "
                    f"{found[part].name!r} and {path.name!r}; merge them"
                )
            if part is not None:
                found[part] = path
        return found

    def labels(self, folder: Path) -> FilesByLabel:
        """Return the pictures in each subfolder by its name, the label."""
        entries = self._entries(folder)
        self._refuse_files(folder, entries)
        if not entries.folders:
            raise DataError(f"{self.name(folder)}: the folder is empty; fill or remove it")
        labelled: dict[str, Path] = {}
        for path in entries.folders:
            label = _label(path, self.name(path))
            if label in labelled:
                raise DataError(
                    f"{self.name(folder)}: expected one folder for each label, found the same "
                    f"name twice, {labelled[label].name!a} and {path.name!a}; merge them"
                )
            labelled[label] = path
        return {label: self._pictures(path) for label, path in sorted(labelled.items())}

    def _pictures(self, folder: Path) -> list[Path]:
        entries = self._entries(folder)
        folders = entries.folders
        if folders and not entries.files:
            raise DataError(
                f"{self.name(folder)}: expected pictures of the label {folder.name!r}, found only "
                f"folders, such as {folders[0].name!r}; give the folder that holds the label "
                "folders"
            )
        if folders:
            raise DataError(
                f"{self.name(folders[0])}: expected a picture, found a folder; move it elsewhere"
            )
        if not entries.files:
            raise DataError(f"{self.name(folder)}: the folder holds no pictures; fill or remove it")
        return entries.files

    def _entries(self, folder: Path) -> _Entries:
        """List a folder without hidden files and those of file managers."""
        try:
            with os.scandir(folder) as found:
                visible = [entry for entry in found if not entry.name.startswith(".")]
        except OSError as error:
            raise DataError(
                f"{self.name(folder)}: the folder cannot be read: {error.strerror}"
            ) from error
        entries = _Entries(folders=[], files=[])
        for entry in sorted(visible, key=lambda entry: entry.name):
            path = folder / entry.name
            if entry.name.lower() in JUNK:
                self.passed_over.add(path)
            else:
                (entries.folders if self._is_folder(entry, path) else entries.files).append(path)
        return entries

    def _is_folder(self, entry: os.DirEntry[str], path: Path) -> bool:
        """Return whether the entry is a folder, else a file; refuse anything else."""
        try:
            if entry.is_dir() or entry.is_file():
                return entry.is_dir()
            path.stat()
            found = "a pipe, socket or device"  # to open one may never end
        except OSError as error:
            found = "a link without a target" if entry.is_symlink() else str(error.strerror)
        raise DataError(f"{self.name(path)}: expected a file or folder, found {found}; remove it")

    def _refuse_flat(self, parts: dict[str, Path]) -> None:
        """Refuse training pictures without label folders: the parts' names are no labels."""
        train = self._entries(parts[TRAIN])
        if train.folders:
            return
        others = [path for part, path in parts.items() if part != TRAIN]
        unlabelled = [path for path in others if not self._entries(path).folders]
        elsewhere = ", ".join(repr(path.name) for path in unlabelled)
        raise DataError(
            f"{self.name(parts[TRAIN])}: expected a folder of pictures for each label, found none; "
            f"the names {_names(parts)} say parts of the data, not labels; "
            f"{_move(parts[TRAIN], train.files)}"
            + (f", and move {elsewhere} elsewhere, which has no labels" if unlabelled else "")
        )

    def _refuse_files(self, folder: Path, entries: _Entries) -> None:
        """Refuse files beside the folders of labels or parts."""
        files = entries.files
        if files and not entries.folders:
            raise DataError(
                f"{self.name(folder)}: expected a folder of pictures for each label, found only "
                f"files, such as {files[0].name!r}; {_move(folder, files)}"
            )
        if files:
            more = f" and {len(files) - 1} more" if len(files) > 1 else ""
            raise DataError(
                f"{self.name(files[0])}: expected only folders, one for each label, found a file"
                f"{more}; move it elsewhere"
            )


def _label(folder: Path, name: str) -> str:
    """Return the folder's name in NFC: archives of macOS write accents as letters of their own."""
    try:
        folder.name.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{name!r}: expected a folder's name in UTF-8, which becomes the label; rename it"
        ) from error
    return normalize("NFC", folder.name)


def _move(folder: Path, files: Sequence[Path]) -> str:
    """Return how to sort files into label folders, with a command if their names have labels."""
    advice = "move the pictures of each label into a folder of its name"
    matches = [NUMBERED.fullmatch(path.name) for path in files]
    labels = {match["label"]: match["stem"] for match in matches if match is not None}
    if None in matches or len(labels) < 2:
        return advice
    label, stem = min(labels.items())
    target, pattern = shlex.quote(str(folder / label)), shlex.quote(str(folder / stem))
    return f"{advice}, such as `mkdir {target} && mv {pattern}[0-9]* {target}/`"


def _names(parts: dict[str, Path]) -> str:
    return " and ".join(repr(path.name) for path in parts.values())
