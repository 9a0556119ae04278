"""A folder of image files, one subfolder for each label."""

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from models.data.dataset import InputSpec, Labelled, Part
from models.errors import DataError

Pixels = NDArray[np.uint8]  # (height, width) or (height, width, 3)

GREY_MODES = {"1", "L", "LA"}
COLOUR_MODES = {"RGB", "RGBA", "P"}
OPAQUE = (255, 255)
UNREADABLE = (
    *(OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, MemoryError),
    *(OverflowError, struct.error, zlib.error),
    *(Image.DecompressionBombError, Image.DecompressionBombWarning),
)


def read_images(folder: Path) -> Labelled:
    """Read images of pixels 0–255, all in colour where any is; sorted by label, then by name.

    The folder holds one subfolder for each label, or `train` and `test` that do; then the second
    is the data's own test. Only what fits exactly is read: one size, and grey or opaque colour of
    8 bits, turned as the file says it is shown. Hidden files are passed over; any other fault is a
    `DataError` that names the file.
    """
    train, test = folder, None
    if {path.name for path in _visible(folder)} == {"train", "test"} and any(
        path.is_dir() for path in _visible(folder / "train")
    ):
        train, test = folder / "train", folder / "test"
    labels = _labels(train, folder)
    files = _files(train, labels, folder)
    test_files = [] if test is None else _files(test, _known(test, labels, folder), folder)
    x, image = _read_all([path for path, _ in (*files, *test_files)], folder)
    y = np.array([labels.index(label) for _, label in (*files, *test_files)], np.int64)
    everything, count = Part(x=x, y=y), len(files)
    return Labelled(
        name=folder.name,
        input=image,
        labels=labels,
        rows=everything.take(slice(count)),
        test=None if test is None else everything.take(slice(count, None)),
    )


def _visible(folder: Path) -> list[Path]:
    """Return what is in a folder and not hidden, sorted by name; nothing of a plain file."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _labels(folder: Path, root: Path) -> tuple[str, ...]:
    for path in _visible(folder):
        if not path.is_dir():
            raise DataError(
                f"{_name(path, root)}: expected only subfolders of images, one for each label, "
                "found a file; move it elsewhere"
            )
    labels = tuple(path.name for path in _visible(folder))
    if not labels:
        raise DataError(
            f"{_name(folder, root)}: expected a subfolder of images for each label, or the files "
            "of MNIST or CIFAR, found nothing"
        )
    return labels


def _known(folder: Path, labels: tuple[str, ...], root: Path) -> tuple[str, ...]:
    """Return the labels of the test, all of which must be the train's."""
    for label in _labels(folder, root):
        if label not in labels:
            raise DataError(
                f"{_name(folder / label, root)}: expected only the labels of the train folder "
                f"({', '.join(labels)}), found {label!r}"
            )
    return _labels(folder, root)


def _files(folder: Path, labels: tuple[str, ...], root: Path) -> list[tuple[Path, str]]:
    files = []
    for label in labels:
        found = _visible(folder / label)
        if not found:
            raise DataError(f"{_name(folder / label, root)}: expected images, found none")
        files += [(path, label) for path in found]
    return files


def _read_all(paths: list[Path], root: Path) -> tuple[NDArray[np.float32], InputSpec]:
    images = [_pixels(path, _name(path, root)) for path in paths]
    for path, image in zip(paths, images, strict=True):
        if image.shape[:2] != images[0].shape[:2]:
            raise DataError(
                f"{_name(path, root)}: expected images of one size, found {_size(image)} here and "
                f"{_size(images[0])} in {_name(paths[0], root)}; scale them to one size"
            )
    shape = max((image.shape for image in images), key=len)
    x = np.empty((len(images), int(np.prod(shape))), np.float32)
    for row, image in zip(x, images, strict=True):
        full = image if image.ndim == len(shape) else np.repeat(image[:, :, np.newaxis], 3, axis=2)
        row[:] = full.reshape(-1)
    return x, InputSpec(kind="image", shape=shape, unit="pixel", low=0, high=255)


def _pixels(path: Path, name: str) -> Pixels:
    if path.is_dir():
        raise DataError(f"{name}: expected an image, found a folder; move it elsewhere")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of broken descriptions beside the pixels
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                frames = getattr(image, "n_frames", 1)
                shown = ImageOps.exif_transpose(image)
                shown.load()
                clear = shown.has_transparency_data and _alpha(shown) != OPAQUE
    except UNREADABLE as error:
        raise DataError(
            f"{name}: expected an image, found a file that Pillow cannot read; repair it or move "
            "it elsewhere"
        ) from error
    found = f"{frames} images in one" if frames > 1 else f"an image of mode {shown.mode}"
    if frames > 1 or clear or shown.mode not in GREY_MODES | COLOUR_MODES:
        raise DataError(
            f"{name}: expected a grey or colour image of 8 bits without transparency, found "
            f"{found}{' with transparency' if clear else ''}; convert it"
        )
    if shown.mode in GREY_MODES:
        return np.asarray(shown.convert("L"))
    # By way of RGBA, for Pillow warns of a palette whose transparency it drops.
    return np.asarray(shown.convert("RGBA").convert("RGB"))


def _alpha(image: Image.Image) -> object:
    return image.convert("RGBA").getchannel("A").getextrema()


def _name(path: Path, root: Path) -> str:
    return str(path.relative_to(root.parent))


def _size(image: Pixels) -> str:
    return f"{image.shape[0]}×{image.shape[1]}"
