"""IDX files of MNIST, Fashion-MNIST, EMNIST and others, under their usual names.

The format is described at the end of http://yann.lecun.com/exdb/mnist.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from highway_client.errors import FileError
from highway_client.files.idx import DIMENSIONS, Bytes, read_bytes
from numpy.typing import NDArray

from models.data.dataset import LabelledData, Part
from models.errors import DataError, join_names
from service.contract import Input

TRAIN, TEST = "train", "test"
PARTS = {"train": TRAIN, "t10k": TEST, "test": TEST}  # by the word in a file's name
# Such as train-images-idx3-ubyte, t10k-labels.idx1-ubyte.gz, emnist-letters-test-images-idx3-ubyte.
NAME = re.compile(
    r"(?P<prefix>.*?)(?P<part>train|t10k|test)(?P<first>[-_.])(?P<content>images|labels)"
    r"(?P<second>[-_.])idx[13](?P<third>[-_.])ubyte(?P<gz>\.gz)?",
    re.IGNORECASE,
)


def is_idx(folder: Path) -> bool:
    """Return whether the folder holds any file of such a name."""
    return bool(_matches(folder))


def read_idx(folder: Path) -> LabelledData:
    """Read grey images of pixels 0–255; the `t10k` or `test` files are the test part.

    The labels are those in the train file. Raises `DataError`, which names the file, if one is
    missing, damaged or inconsistent.
    """
    files = _Files.of(folder)
    images, y = files.read(TRAIN)
    test_images, test_y = files.read(TEST)
    if test_images.shape[1:] != images.shape[1:]:
        raise DataError(
            f"{files.path(TEST, 'images').name}: expected images of {_size(images)} as in the "
            f"train file, found {_size(test_images)}"
        )
    labels, train_index = np.unique(y, return_inverse=True)
    unknown = np.setdiff1d(test_y, labels)
    if len(unknown):
        known = join_names([str(label) for label in labels])
        raise DataError(
            f"{files.path(TEST, 'labels').name}: expected the labels of the train file ({known}), "
            f"found {str(unknown[0])!r}"
        )
    return LabelledData(
        name=folder.name,
        input=Input(kind="image", shape=images.shape[1:], unit="pixel", low=0, high=255),
        labels=tuple(map(str, labels.tolist())),
        rows=_part(images, train_index),
        test=_part(test_images, np.searchsorted(labels, test_y)),
        notes=files.notes(),
    )


def _part(images: Bytes, index: NDArray[np.intp]) -> Part:
    x = images.reshape(len(images), -1).astype(np.float32)
    return Part(x=x, y=index.astype(np.int64))


def _matches(folder: Path) -> list[tuple[Path, re.Match[str]]]:
    matches = ((path, NAME.fullmatch(path.name)) for path in sorted(folder.glob("*")))
    return [
        (path, match)
        for path, match in matches
        if match is not None and not path.name.startswith(".") and path.is_file()
    ]


@dataclass(frozen=True, kw_only=True)
class _Files:
    """The files of one data set by part and content, and the form of their names."""

    folder: Path
    paths: dict[tuple[str, str], Path]
    form: re.Match[str]  # of any of the names

    @classmethod
    def of(cls, folder: Path) -> "_Files":
        """Find the files; of one plain and one gzipped the plain one counts."""
        matches = _matches(folder)
        prefixes = sorted({match["prefix"] for _, match in matches})
        if len(prefixes) > 1:
            raise DataError(
                f"{folder.name}: expected the files of one data set, found names that begin with "
                f"{' and '.join(map(repr, prefixes))}; move each data set into a folder of its own"
            )
        paths: dict[tuple[str, str], Path] = {}
        for path, match in sorted(matches, key=lambda found: found[1]["gz"] is not None):
            key = PARTS[match["part"].lower()], match["content"].lower()
            other = paths.setdefault(key, path)
            if other != path and (match["gz"] is None) == (other.suffix.lower() != ".gz"):
                raise DataError(
                    f"{folder.name}: expected one file of {key[0]} {key[1]}, found {other.name!r} "
                    f"and {path.name!r}; remove one"
                )
        return cls(folder=folder, paths=paths, form=matches[0][1])

    def path(self, part: str, content: str) -> Path:
        """Return the file's path, named like the others if it is missing."""
        if (part, content) in self.paths:
            return self.paths[part, content]
        form = self.form
        words = {TRAIN: "train", TEST: "test" if form["prefix"] else "t10k"}
        return self.folder / (
            f"{form['prefix']}{words[part]}{form['first']}{content}{form['second']}"
            f"idx{DIMENSIONS[content]}{form['third']}ubyte"
        )

    def read(self, part: str) -> tuple[Bytes, Bytes]:
        """Return images (n, height, width) and labels (n,)."""
        images = _read(self.path(part, "images"), "images")
        path = self.path(part, "labels")
        labels = _read(path, "labels")
        if len(images) != len(labels):
            raise DataError(
                f"{path.name}: expected {len(images)} labels, one for each image, found "
                f"{len(labels)}"
            )
        return images, labels

    def notes(self) -> tuple[str, ...]:
        """Return a note on what looks wrong about the images but is so in the files."""
        if "emnist" not in self.form["prefix"].lower() + self.folder.name.lower():
            return ()
        return (
            f"{self.folder.name}: the images of EMNIST are stored with rows and columns exchanged; "
            "they are read as stored, so requests must be alike",
        )


def _read(path: Path, content: str) -> Bytes:
    """Return the images (n, height, width) or labels (n,) of one file."""
    if not path.is_file():
        raise DataError(
            f"{path.parent.name}: the file {path.name}, plain or .gz, is missing; put it beside "
            "the others"
        )
    try:
        return read_bytes(path, path.name, content)
    except FileError as error:
        raise DataError(str(error)) from error


def _size(images: Bytes) -> str:
    return "×".join(map(str, images.shape[1:]))
