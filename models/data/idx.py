"""The IDX files of MNIST and Fashion-MNIST, under their original names, plain or gzipped."""

import gzip
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import InputSpec, Labelled, Part
from models.errors import DataError

Bytes = NDArray[np.uint8]
Prefix = Literal["train", "t10k"]
Content = Literal["images", "labels"]

UNSIGNED_BYTES = b"\0\0\x08"  # how an IDX file of them begins; the number of dimensions follows
DIMENSIONS: dict[Content, int] = {"images": 3, "labels": 1}


def is_idx(folder: Path) -> bool:
    """Say whether any of the four files is in this folder."""
    contents: tuple[Content, ...] = ("images", "labels")
    prefixes: tuple[Prefix, ...] = ("train", "t10k")
    return any(_found(folder, prefix, content) for prefix in prefixes for content in contents)


def read_idx(folder: Path) -> Labelled:
    """Read grey images of pixels 0–255; the test is the t10k files.

    The format is described at the end of http://yann.lecun.com/exdb/mnist. A file that is
    missing, damaged or does not fit the others is a `DataError` that names it.
    """
    images, rows = _read_pair(folder, "train")
    test_images, test = _read_pair(folder, "t10k")
    if test_images.shape[1:] != images.shape[1:]:
        raise DataError(
            f"{_path(folder, 't10k', 'images').name}: expected images of {_size(images)} as in "
            f"the train file, found {_size(test_images)}"
        )
    highest = int(rows.y.max())
    _check_labels(_path(folder, "train", "labels").name, rows, highest)
    if test.y.max() > highest:
        raise DataError(
            f"{_path(folder, 't10k', 'labels').name}: expected labels from 0 to {highest} as in "
            f"the train file, found {test.y.max()}"
        )
    return Labelled(
        name=folder.name,
        input=InputSpec(kind="image", shape=images.shape[1:], unit="pixel", low=0, high=255),
        labels=tuple(str(label) for label in range(highest + 1)),
        rows=rows,
        test=test,
    )


def _read_pair(folder: Path, prefix: Prefix) -> tuple[Bytes, Part]:
    images = _read(_path(folder, prefix, "images"), "images")
    path = _path(folder, prefix, "labels")
    labels = _read(path, "labels")
    if len(images) != len(labels):
        raise DataError(
            f"{path.name}: expected {len(images)} labels, one for each image of the file beside "
            f"it, found {len(labels)}"
        )
    x = images.reshape(len(images), -1).astype(np.float32)
    return images, Part(x=x, y=labels.astype(np.int64))


def _read(path: Path, content: Content) -> Bytes:
    """Return the images (n, height, width) or labels (n,) of one file."""
    data = _bytes(path)
    dimensions = DIMENSIONS[content]
    magic, header = UNSIGNED_BYTES + bytes([dimensions]), 4 + 4 * dimensions
    if len(data) >= 4 and data[:4] != magic:
        raise DataError(
            f"{path.name}: expected an IDX file of {content}, which begins with the bytes "
            f"{magic.hex(' ')}, found {data[:4].hex(' ')}"
        )
    shape = tuple(np.frombuffer(data[4:header], ">u4").tolist()) if len(data) >= header else ()
    expected = header + int(np.prod(shape, dtype=object))
    if not shape or len(data) != expected:
        raise DataError(
            f"{path.name}: expected {expected if shape else f'at least {header}'} bytes, found "
            f"{len(data)}; the file is damaged, download it again"
        )
    if 0 in shape:
        raise DataError(f"{path.name}: expected {content}, found none")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def _bytes(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path.name}: expected a whole file, found it unreadable ({error}); download it again"
        ) from error


def _path(folder: Path, prefix: Prefix, content: Content) -> Path:
    path = _found(folder, prefix, content)
    if path is None:
        raise DataError(
            f"{folder.name}: expected the file {_name(prefix, content)}, plain or .gz, found none; "
            "put it beside the others"
        )
    return path


def _found(folder: Path, prefix: Prefix, content: Content) -> Path | None:
    plain = folder / _name(prefix, content)
    zipped = plain.with_name(f"{plain.name}.gz")
    return next((path for path in (plain, zipped) if path.is_file()), None)


def _name(prefix: Prefix, content: Content) -> str:
    return f"{prefix}-{content}-idx{DIMENSIONS[content]}-ubyte"


def _check_labels(name: str, rows: Part, highest: int) -> None:
    absent = np.flatnonzero(np.bincount(rows.y, minlength=highest + 1) == 0)
    if len(absent):
        raise DataError(
            f"{name}: expected every label from 0 to {highest}, found none of {absent[0]}"
        )


def _size(images: Bytes) -> str:
    return "×".join(map(str, images.shape[1:]))
