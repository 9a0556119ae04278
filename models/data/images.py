"""A folder of pictures with one subfolder for each label."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
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
from models.data.reading_bar import reading_bar
from models.errors import DataError
from service.contract import Input

Pixels = NDArray[np.uint8]  # (height, width) or (height, width, 3)

BATCH = 512  # pictures decoded before their sizes are compared
# Pictures that a thread decodes in one call. Threads that take them one by one wait for each other:
# pictures of 32×32 took twice the time of a loop.
CHUNK = 16
MAX_THREADS = 8
MAX_SIZES, MAX_REFUSED = 3, 10  # in one message


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
    images = _decode_all(paths, folder)
    notes = (*found.notes, *_colour_notes(paths, images, folder))
    shape = max((image.shape for image in images), key=len)
    read = []
    for part in parts:
        y = _label_indices(part, labels)
        # An array of its own: a view would keep the rows of all parts in memory.
        read.append(Part(x=_rows(images[: len(y)], shape), y=y))
        images = images[len(y) :]
    train, *held_out = read
    return LabelledData(
        name=folder.name,
        input=Input(kind="image", shape=shape, unit="pixel", low=0, high=255),
        labels=labels,
        rows=train,
        validation=None if found.validation is None else held_out[0],
        test=None if found.test is None else held_out[-1],
        notes=notes,
    )


def _label_indices(files: FilesByLabel, labels: tuple[str, ...]) -> NDArray[np.int64]:
    return np.repeat(
        np.array([labels.index(label) for label in files], np.int64), list(map(len, files.values()))
    )


def _rows(images: Sequence[Pixels], shape: tuple[int, ...]) -> FloatRows:
    """Return (pictures, values); grey pictures among colour ones get three equal channels."""
    x = np.empty((len(images), *shape), np.float32)
    for row, image in zip(x, images, strict=True):
        row[:] = image if image.ndim == len(shape) else image[:, :, np.newaxis]
    return x.reshape(len(x), -1)


def _colour_notes(paths: Sequence[Path], images: Sequence[Pixels], root: Path) -> list[str]:
    """Return the note that some pictures are grey and others in colour, if so."""
    examples = {image.ndim: path for path, image in zip(paths, images, strict=True)}
    if len(examples) == 1:
        return []
    grey = sum(image.ndim == 2 for image in images)
    names = " and ".join(repr(_name(examples[axes], root)) for axes in (2, 3))
    return [
        f"{root.name}: {grey} grey and {len(images) - grey} colour pictures, such as {names}; all "
        "are read in colour"
    ]


def _decode_all(paths: Sequence[Path], root: Path) -> list[Pixels]:
    """Decode pictures of one size, on several threads: Pillow releases the interpreter's lock."""
    images: list[Pixels] = []
    refused: list[PictureError] = []
    threads = min(os.cpu_count() or 1, MAX_THREADS)
    with (
        strict_pillow(),
        ThreadPoolExecutor(threads) as pool,
        reading_bar("reading pictures", len(paths)) as advance,
    ):
        for start in range(0, len(paths), BATCH):
            batch = paths[start : start + BATCH]
            chunks = [batch[first : first + CHUNK] for first in range(0, len(batch), CHUNK)]
            for chunk in pool.map(partial(_decode_chunk, root=root), chunks):
                images += [image for image in chunk if not isinstance(image, PictureError)]
                refused += [error for error in chunk if isinstance(error, PictureError)]
            sizes = {image.shape[:2] for image in images[start:]}
            if not refused and sizes != {images[0].shape[:2]}:
                raise _sizes_differ(paths, images, root)
            advance(len(batch))
    if refused:
        raise _refusals(refused, root)
    return images


def _decode_chunk(paths: Sequence[Path], root: Path) -> list[Pixels | PictureError]:
    return [_decode(path, _name(path, root)) for path in paths]


def _decode(path: Path, name: str) -> Pixels | PictureError:
    """Return the pixels, or why the picture is refused."""
    try:
        picture = decode_picture(path, name)
    except PictureError as error:
        return error
    if picture.frames > 1:
        return refusal(name, f"{picture.frames} pictures in one file")
    if picture.is_transparent:
        return refusal(name, "transparent parts")
    return np.asarray(picture.image)


def _refusals(errors: Sequence[PictureError], root: Path) -> DataError:
    """Return one error for all refused pictures, so that one reading finds them all."""
    if len(errors) == 1:
        return DataError(str(errors[0]))
    listed = [f"  {error}" for error in errors[:MAX_REFUSED]]
    more = [f"  and {len(errors) - MAX_REFUSED} more"] if len(errors) > MAX_REFUSED else []
    sentences = "\n".join([*listed, *more])
    return DataError(f"{root.name}: {len(errors)} pictures cannot be used:\n{sentences}")


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
