"""IDX files of MNIST and Fashion-MNIST, under their original names, plain or gzipped.

The format is described at the end of http://yann.lecun.com/exdb/mnist.
"""

import gzip
import zlib
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import LabelledData, Part
from models.errors import DataError
from service.contract import Input

Bytes = NDArray[np.uint8]

UNSIGNED_BYTES = b"\0\0\x08"  # the first bytes of an IDX file of uint8; next, its dimensions
DIMENSIONS = {"images": 3, "labels": 1}
TRAIN, TEST = "train", "t10k"  # first words of the files' names


def is_idx(folder: Path) -> bool:
    """Return whether the folder holds any of the four files."""
    names = product((TRAIN, TEST), DIMENSIONS)
    return any(_path(folder, prefix, content).is_file() for prefix, content in names)


def read_idx(folder: Path) -> LabelledData:
    """Read grey images of pixels 0–255; the `t10k` files are the test part.

    Raises `DataError`, which names the file, if one is missing, damaged or inconsistent.
    """
    images, rows = _read_pair(folder, TRAIN)
    test_images, test = _read_pair(folder, TEST)
    if test_images.shape[1:] != images.shape[1:]:
        raise DataError(
            f"{_path(folder, TEST, 'images').name}: expected images of {_size(images)} as in "
            f"the train file, found {_size(test_images)}"
        )
    highest = int(rows.y.max())
    absent = np.flatnonzero(np.bincount(rows.y) == 0)
    if len(absent):
        raise DataError(
            f"{_path(folder, TRAIN, 'labels').name}: expected every label from 0 to {highest}, "
            f"but {absent[0]} is missing"
        )
    if test.y.max() > highest:
        raise DataError(
            f"{_path(folder, TEST, 'labels').name}: expected labels from 0 to {highest} as in "
            f"the train file, found {test.y.max()}"
        )
    return LabelledData(
        name=folder.name,
        input=Input(kind="image", shape=images.shape[1:], unit="pixel", low=0, high=255),
        labels=tuple(str(label) for label in range(highest + 1)),
        rows=rows,
        test=test,
    )


def _read_pair(folder: Path, prefix: str) -> tuple[Bytes, Part]:
    images = _read(_path(folder, prefix, "images"), "images")
    path = _path(folder, prefix, "labels")
    labels = _read(path, "labels")
    if len(images) != len(labels):
        raise DataError(
            f"{path.name}: expected {len(images)} labels, one for each image, found {len(labels)}"
        )
    x = images.reshape(len(images), -1).astype(np.float32)
    return images, Part(x=x, y=labels.astype(np.int64))


def _read(path: Path, content: str) -> Bytes:
    """Return the images (n, height, width) or labels (n,) of one file."""
    data = _bytes(path)
    dimensions = DIMENSIONS[content]
    magic, header = UNSIGNED_BYTES + bytes([dimensions]), 4 + 4 * dimensions
    if len(data) >= 4 and data[:4] != magic:
        raise DataError(
            f"{path.name}: expected the first bytes {magic.hex(' ')} of an IDX file of {content}, "
            f"found {data[:4].hex(' ')}"
        )
    shape = tuple(np.frombuffer(data[4:header], ">u4").tolist()) if len(data) >= header else ()
    expected = header + int(np.prod(shape, dtype=object))
    if not shape or len(data) != expected:
        raise DataError(
            f"{path.name}: expected {expected if shape else f'at least {header}'} bytes, found "
            f"{len(data)}; the file is damaged, download it again"
        )
    if 0 in shape:
        raise DataError(f"{path.name}: the file holds no {content}")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise DataError(
            f"{path.parent.name}: the file {path.name}, plain or .gz, is missing; put it beside "
            "the others"
        )
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path.name}: the file cannot be read ({error}); download it again"
        ) from error


def _path(folder: Path, prefix: str, content: str) -> Path:
    """Return the path of the plain file, or that of the gzipped file if there is only this one."""
    plain = folder / f"{prefix}-{content}-idx{DIMENSIONS[content]}-ubyte"
    zipped = plain.with_name(f"{plain.name}.gz")
    return zipped if zipped.is_file() and not plain.is_file() else plain


def _size(images: Bytes) -> str:
    return "×".join(map(str, images.shape[1:]))
