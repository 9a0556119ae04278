"""The Python version of CIFAR-10 and CIFAR-100 from https://www.cs.toronto.edu/~kriz.

Its files are pickles; they are loaded without running any code that a pickle may name.
"""

import io
import pickle
import pickletools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import LabelledData, Part
from models.errors import DataError
from service.contract import Input

PIXELS = 3 * 32 * 32
IMAGE = Input(kind="image", shape=(32, 32, 3), unit="pixel", low=0, high=255)


@dataclass(frozen=True, kw_only=True)
class _Edition:
    """File names, and the keys of the label indices and label names."""

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
    """Return whether the folder holds any file of CIFAR-10 or CIFAR-100."""
    return _edition(folder) is not None


def read_cifar(folder: Path) -> LabelledData:
    """Read colour images of pixels 0–255 with the fine labels; the test batch is the test part.

    Raises `DataError`, which names the file, if one is missing, damaged, or holds other objects
    than plain values and arrays of bytes.
    """
    edition = _edition(folder) or EDITIONS[0]
    labels = _labels(folder / edition.meta, edition.names)
    train = [_part(folder / name, edition.labels, labels) for name in edition.train]
    rows = Part(
        x=np.concatenate([part.x for part in train]), y=np.concatenate([part.y for part in train])
    )
    test = _part(folder / edition.test, edition.labels, labels)
    return LabelledData(name=folder.name, input=IMAGE, labels=labels, rows=rows, test=test)


def _edition(folder: Path) -> _Edition | None:
    for edition in EDITIONS:
        if any((folder / name).is_file() for name in (*edition.train, edition.test, edition.meta)):
            return edition
    return None


def _labels(path: Path, key: str) -> tuple[str, ...]:
    names = _value(path, key)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError(f"{path.name}: {key!r} must be a list of strings")
    if len(set(names)) < len(names):
        raise DataError(f"{path.name}: {key!r} must not contain a name twice")
    return tuple(names)


def _part(path: Path, key: str, labels: tuple[str, ...]) -> Part:
    pixels, y = _value(path, "data"), _value(path, key)
    if not isinstance(pixels, ByteArray) or pixels.values.ndim != 2:
        raise DataError(f"{path.name}: 'data' must be a two-dimensional array of bytes")
    images = pixels.values
    if images.shape[1] != PIXELS:
        raise DataError(
            f"{path.name}: expected {PIXELS} bytes for each image, found {images.shape[1]}"
        )
    if not isinstance(y, list) or len(y) != len(images):
        raise DataError(f"{path.name}: {key!r} must be a list of {len(images)}, one for each image")
    for label in y:
        if type(label) is not int or not 0 <= label < len(labels):
            raise DataError(
                f"{path.name}: expected {key} from 0 to {len(labels) - 1}, found {label!r}"
            )
    # Each file row holds one 32×32 plane per colour; `Part` interleaves the colours of each pixel.
    planes = images.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return Part(x=planes.reshape(-1, PIXELS).astype(np.float32), y=np.array(y, np.int64))


def _value(path: Path, key: str) -> object:
    if not path.is_file():
        raise DataError(
            f"{path.parent.name}: the file {path.name} is missing; put it beside the others"
        )
    content = unpickle(path)
    if not isinstance(content, dict) or key not in content:
        raise DataError(f"{path.name}: the key {key!r} is missing")
    return content[key]


class _RefusedError(pickle.UnpicklingError):
    """A pickle holds other objects than plain values and arrays of bytes."""


class ByteArray:
    """Replaces a pickled NumPy array of bytes: `values` is uint8 of any shape.

    NumPy's own unpickling trusts the file's state, which can even change a dtype that all arrays
    of the process share.
    """

    def __init__(self, *_: object) -> None:
        self.values: NDArray[np.uint8] = np.empty(0, np.uint8)

    def __setstate__(self, state: tuple[int, tuple[int, ...], "_DType", bool, str | bytes]) -> None:
        _, shape, dtype, is_fortran, content = state
        if dtype.code != "u1":
            raise _RefusedError(f"an array of {dtype.code}")
        content = content.encode("latin1") if isinstance(content, str) else content
        flat = np.frombuffer(content, np.uint8)
        self.values = flat.reshape(shape, order="F" if is_fortran else "C")


class _DType:
    """Replaces a pickled NumPy dtype: only its code is kept."""

    def __init__(self, code: str, *_: object) -> None:
        self.code = code

    def __setstate__(self, state: object) -> None:
        pass


def _encode(text: str, encoding: str) -> bytes:
    """Replace `codecs.encode`, by which Python 3 pickles bytes for Python 2, always as latin1."""
    if encoding != "latin1":
        raise _RefusedError(f"the encoding {encoding}")
    return text.encode("latin1")


KNOWN: dict[tuple[str, str], object] = {
    ("numpy.core.multiarray", "_reconstruct"): ByteArray,
    ("numpy._core.multiarray", "_reconstruct"): ByteArray,  # since NumPy 2
    ("numpy", "ndarray"): ByteArray,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _encode,
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in KNOWN:
            raise _RefusedError(f"{module}.{name}")
        return KNOWN[module, name]


def unpickle(path: Path) -> object:
    """Load a pickle of Python 2 or 3 that holds plain values and arrays, these as `ByteArray`."""
    try:
        data = path.read_bytes()
        _check_sizes(data)
        return _PlainUnpickler(io.BytesIO(data), encoding="latin1").load()
    except _RefusedError as error:
        raise DataError(
            f"{path.name}: expected plain values and arrays of bytes, found {error}; use the "
            "original file"
        ) from error
    except Exception as error:  # by pickle's documentation, damaged data may raise any exception
        raise DataError(f"{path.name}: the pickle is damaged; download it again") from error


def _check_sizes(data: bytes) -> None:
    """Refuse memo indices for which `load` would allocate gigabytes."""
    for operation, value, _ in pickletools.genops(data):
        if operation.name.endswith("PUT") and isinstance(value, int) and value > len(data):
            raise pickle.UnpicklingError("more objects than bytes")
