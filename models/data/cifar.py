"""The Python version of CIFAR-10 and CIFAR-100, as https://www.cs.toronto.edu/~kriz has it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.data.dataset import InputSpec, Labelled, Part
from models.data.unpickling import ByteArray, unpickled
from models.errors import DataError

PIXELS = 3 * 32 * 32
IMAGE = InputSpec(kind="image", shape=(32, 32, 3), unit="pixel", low=0, high=255)


@dataclass(frozen=True, kw_only=True)
class _Edition:
    """The files of one CIFAR, and the keys of its labels and of their names."""

    train: tuple[str, ...]
    test: str
    meta: str
    labels: str
    names: str


EDITIONS = (
    _Edition(
        train=tuple(f"data_batch_{number}" for number in range(1, 6)),
        test="test_batch",
        meta="batches.meta",
        labels="labels",
        names="label_names",
    ),
    _Edition(
        train=("train",), test="test", meta="meta", labels="fine_labels", names="fine_label_names"
    ),
)


def is_cifar(folder: Path) -> bool:
    """Say whether any file of CIFAR-10 or CIFAR-100 is in this folder."""
    return _edition(folder) is not None


def read_cifar(folder: Path) -> Labelled:
    """Read colour images of pixels 0–255 under the fine labels' names; the test is its own.

    The files are pickles; one that holds more than plain values and arrays is refused, as is one
    that is missing or damaged, with a `DataError` that names it.
    """
    edition = _edition(folder) or EDITIONS[0]
    labels = _labels(folder / edition.meta, edition.names)
    train = [_part(folder / name, edition.labels, labels) for name in edition.train]
    rows = Part(
        x=np.concatenate([part.x for part in train]), y=np.concatenate([part.y for part in train])
    )
    test = _part(folder / edition.test, edition.labels, labels)
    return Labelled(name=folder.name, input=IMAGE, labels=labels, rows=rows, test=test)


def _edition(folder: Path) -> _Edition | None:
    for edition in EDITIONS:
        if any((folder / name).is_file() for name in (*edition.train, edition.test, edition.meta)):
            return edition
    return None


def _labels(path: Path, key: str) -> tuple[str, ...]:
    names = _content(path, key)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError(f"{path.name}: expected {key!r} to be a list of names, found another value")
    if len(set(names)) < len(names):
        raise DataError(f"{path.name}: expected each of {key!r} once, found one again")
    return tuple(names)


def _part(path: Path, key: str, labels: tuple[str, ...]) -> Part:
    pixels, y = _content(path, "data"), _content(path, key)
    if not isinstance(pixels, ByteArray) or pixels.values.ndim != 2:
        raise DataError(f"{path.name}: expected 'data' to be rows of bytes, found another value")
    images = pixels.values
    if images.shape[1] != PIXELS:
        raise DataError(
            f"{path.name}: expected {PIXELS} bytes for each image, found {images.shape[1]}"
        )
    if not isinstance(y, list) or len(y) != len(images):
        found = len(y) if isinstance(y, list) else "another value"
        raise DataError(
            f"{path.name}: expected {len(images)} {key}, one for each image, found {found}"
        )
    for label in y:
        if type(label) is not int or not 0 <= label < len(labels):
            raise DataError(
                f"{path.name}: expected {key} from 0 to {len(labels) - 1}, found {label!r}"
            )
    # The files hold one plane of 32×32 for each colour; a row holds the colours of each pixel.
    planes = images.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return Part(x=planes.reshape(-1, PIXELS).astype(np.float32), y=np.array(y, np.int64))


def _content(path: Path, key: str) -> object:
    if not path.is_file():
        raise DataError(
            f"{path.parent.name}: expected the file {path.name}, found none; put it beside the "
            "others"
        )
    content = unpickled(path)
    if not isinstance(content, dict) or key not in content:
        raise DataError(f"{path.name}: expected {key!r} in it, found nothing of that name")
    value: object = content[key]
    return value
