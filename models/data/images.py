"""A folder of image files with one subfolder for each label."""

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from models.data.dataset import FloatRows, LabelledData, Part
from models.errors import DataError
from service.contract import Input

Pixels = NDArray[np.uint8]  # (height, width) or (height, width, 3)

GREY_MODES = {"1", "L", "LA"}
COLOUR_MODES = {"RGB", "RGBA", "P"}
OPAQUE = (255, 255)  # lowest and highest alpha
UNREADABLE = (
    *(OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, MemoryError),
    *(OverflowError, struct.error, zlib.error),
    *(Image.DecompressionBombError, Image.DecompressionBombWarning),
)


def read_images(folder: Path) -> LabelledData:
    """Read images of pixels 0–255, sorted by label and file name; one in colour makes all colour.

    The folder holds a subfolder for each label; or folders `train` and `test` with such subfolders,
    then `test` is the test part. Images must have one size and be grey or opaque colour of 8 bits;
    the EXIF orientation is applied. Hidden files are skipped. Raises `DataError`, which names the
    file.
    """
    train, test = folder, None
    if {path.name for path in _visible(folder)} == {"train", "test"} and any(
        path.is_dir() for path in _visible(folder / "train")
    ):
        train, test = folder / "train", folder / "test"
    files = _files_by_label(train, folder)
    test_files = {} if test is None else _files_by_label(test, folder)
    labels = tuple(files)
    for label in test_files:
        if label not in labels:
            raise DataError(
                f"{_name(folder / 'test' / label, folder)}: expected only the labels of the train "
                f"folder ({', '.join(labels)}), found {label!r}"
            )
    groups = [*files.items(), *test_files.items()]
    x, image = _read_all([path for _, paths in groups for path in paths], folder)
    y = np.array([labels.index(label) for label, paths in groups for _ in paths], np.int64)
    rows, count = Part(x=x, y=y), sum(map(len, files.values()))
    return LabelledData(
        name=folder.name,
        input=image,
        labels=labels,
        rows=rows.take(slice(count)),
        test=None if test is None else rows.take(slice(count, None)),
    )


def _visible(folder: Path) -> list[Path]:
    """Return a folder's entries that are not hidden, sorted by name; none for a file."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _files_by_label(folder: Path, root: Path) -> dict[str, list[Path]]:
    """Return the images in each subfolder, by its name, the label."""
    files = {}
    for path in _visible(folder):
        if not path.is_dir():
            raise DataError(
                f"{_name(path, root)}: expected only subfolders, one for each label, found a file; "
                "move it elsewhere"
            )
        files[path.name] = _visible(path)
        if not files[path.name]:
            raise DataError(f"{_name(path, root)}: the folder holds no images")
    if not files:
        raise DataError(
            f"{_name(folder, root)}: the folder is empty; expected a subfolder of images for each "
            "label, or the files of MNIST or CIFAR"
        )
    return files


def _read_all(paths: list[Path], root: Path) -> tuple[FloatRows, Input]:
    images = [_pixels(path, _name(path, root)) for path in paths]
    for path, image in zip(paths, images, strict=True):
        if image.shape[:2] != images[0].shape[:2]:
            raise DataError(
                f"{_name(path, root)}: expected images of one size, found {_size(image)} here and "
                f"{_size(images[0])} in {_name(paths[0], root)}; scale them to one size"
            )
    shape = max((image.shape for image in images), key=len)
    x = np.empty((len(images), *shape), np.float32)
    for row, image in zip(x, images, strict=True):
        row[:] = image if image.ndim == len(shape) else image[:, :, np.newaxis]
    return x.reshape(len(x), -1), Input(kind="image", shape=shape, unit="pixel", low=0, high=255)


def _pixels(path: Path, name: str) -> Pixels:
    if path.is_dir():
        raise DataError(f"{name}: expected an image, found a folder; move it elsewhere")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about damaged metadata beside the pixels
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                frames = getattr(image, "n_frames", 1)
                upright = ImageOps.exif_transpose(image)
                upright.load()
                clear = (
                    upright.has_transparency_data
                    and upright.convert("RGBA").getchannel("A").getextrema() != OPAQUE
                )
    except UNREADABLE as error:
        raise DataError(
            f"{name}: Pillow cannot read this file as an image; repair it or move it elsewhere"
        ) from error
    if frames > 1 or clear or upright.mode not in GREY_MODES | COLOUR_MODES:
        found = f"{frames} images in one file" if frames > 1 else f"an image of mode {upright.mode}"
        raise DataError(
            f"{name}: expected a grey or colour image of 8 bits without transparency, found "
            f"{found}{' with transparency' if clear else ''}; convert it"
        )
    if upright.mode in GREY_MODES:
        return np.asarray(upright.convert("L"))
    # A direct conversion warns about a palette whose transparency is dropped.
    return np.asarray(upright.convert("RGBA").convert("RGB"))


def _name(path: Path, root: Path) -> str:
    return str(path.relative_to(root.parent))


def _size(image: Pixels) -> str:
    return f"{image.shape[0]}×{image.shape[1]}"
