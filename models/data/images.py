"""A folder of pictures with one subfolder for each label."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from highway_client.files.pixels import (
    PictureError,
    decode_picture,
    picture_size,
    refusal,
    strict_pillow,
)
from numpy.typing import NDArray

from models.data.dataset import FloatRows, LabelledData, Part
from models.data.folders import FilesByLabel, scan
from models.errors import DataError
from service.contract import Input

Pixels = NDArray[np.uint8]  # (height, width) or (height, width, 3)

BATCH = 512  # pictures decoded before their sizes are compared
MAX_SIZES = 3  # in one message


def read_images(folder: Path) -> LabelledData:
    """Read pictures as pixels 0–255, sorted by label and file name; one in colour makes all colour.

    The folder holds a subfolder for each label; or folders `train`, `val` and `test` with such
    subfolders, then these are the parts. Pictures must have one size and be grey or opaque RGB of
    8 bits; the EXIF orientation is applied. Raises `DataError`, which names the file.
    """
    found = scan(folder)
    labels = tuple(found.train)
    parts = [part for part in (found.train, found.validation, found.test) if part is not None]
    paths = [path for part in parts for files in part.values() for path in files]
    x, image = _read_all(paths, folder)
    read = []
    for part in parts:
        y = _label_indices(part, labels)
        read.append(Part(x=x[: len(y)], y=y))
        x = x[len(y) :]
    train, *held_out = read
    return LabelledData(
        name=folder.name,
        input=image,
        labels=labels,
        rows=train,
        validation=None if found.validation is None else held_out[0],
        test=None if found.test is None else held_out[-1],
        notes=found.notes,
    )


def _label_indices(files: FilesByLabel, labels: tuple[str, ...]) -> NDArray[np.int64]:
    return np.repeat(
        np.array([labels.index(label) for label in files], np.int64), list(map(len, files.values()))
    )


def _read_all(paths: Sequence[Path], root: Path) -> tuple[FloatRows, Input]:
    images = _decode_all(paths, root)
    shape = max((image.shape for image in images), key=len)
    x = np.empty((len(images), *shape), np.float32)
    for row, image in zip(x, images, strict=True):
        row[:] = image if image.ndim == len(shape) else image[:, :, np.newaxis]
    return x.reshape(len(x), -1), Input(kind="image", shape=shape, unit="pixel", low=0, high=255)


def _decode_all(paths: Sequence[Path], root: Path) -> list[Pixels]:
    """Decode pictures of one size, on several threads: Pillow releases the interpreter's lock."""
    images: list[Pixels] = []
    with strict_pillow(), ThreadPoolExecutor() as pool:
        for start in range(0, len(paths), BATCH):
            batch = paths[start : start + BATCH]
            images += pool.map(lambda path: _decode(path, _name(path, root)), batch)
            if any(image.shape[:2] != images[0].shape[:2] for image in images[start:]):
                raise _sizes_differ(paths, images, root)
    return images


def _decode(path: Path, name: str) -> Pixels:
    try:
        picture = decode_picture(path, name)
        if picture.frames > 1:
            raise refusal(name, f"{picture.frames} pictures in one file")
        if picture.is_transparent:
            raise refusal(name, "transparent parts")
    except PictureError as error:
        raise DataError(str(error)) from error
    return np.asarray(picture.image)


def _sizes_differ(paths: Sequence[Path], images: Sequence[Pixels], root: Path) -> DataError:
    """Return the error that counts the sizes; what is not decoded yet is not decoded for it."""
    examples: dict[tuple[int, ...], list[Path]] = {}
    sizes = [image.shape[:2] for image in images]
    for path, size in zip(paths, [*sizes, *map(picture_size, paths[len(sizes) :])], strict=True):
        if size is not None:
            examples.setdefault(size, []).append(path)
    listed = [
        f"{height}×{width} in {len(files)}, such as {_name(files[0], root)!r}"
        for (height, width), files in sorted(examples.items(), key=lambda item: -len(item[1]))
    ]
    more = ["…"] if len(listed) > MAX_SIZES else []
    return DataError(
        f"{root.name}: expected pictures of one size, found {len(listed)} sizes (height×width): "
        f"{'; '.join(listed[:MAX_SIZES] + more)}; scale them to one size"
    )


def _name(path: Path, root: Path) -> str:
    return str(path.relative_to(root.parent))
