"""Where the rows come from: a name or a place, and how to read it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from models.data.arrays import read_arrays
from models.data.bundled import BUNDLED
from models.data.cifar import is_cifar, read_cifar
from models.data.dataset import HELD_OUT_SHARE, Dataset, Labelled, split
from models.data.idx import is_idx, read_idx
from models.data.images import read_images
from models.data.openml import read_openml
from models.data.schema import Schema
from models.data.table import TABLE_SUFFIXES, read_table
from models.errors import DataError

OPENML = "openml:"
OTHER_CIFAR = ("data_batch_1.bin", "data_batch_1.mat", "train.bin", "train.mat")
KINDS = (
    f"{', '.join(BUNDLED)}, a CSV or Parquet file, an .npz file, a folder of IDX or CIFAR files "
    f"or of images, or {OPENML}NAME"
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """Everything that says which rows to read; the run directory keeps it, to read them again.

    `data` is a bundled name, `openml:NAME`, or an absolute path. `target` and `without` are for
    tables alone: the column to predict, and columns to leave out.
    """

    data: str
    target: str | None = None
    without: tuple[str, ...] = ()
    validation_share: Annotated[float, Field(ge=0, le=0.5)] = HELD_OUT_SHARE

    @classmethod
    def of(
        cls,
        data: str,
        *,
        target: str | None = None,
        without: tuple[str, ...] = (),
        validation_share: float = HELD_OUT_SHARE,
    ) -> "Source":
        """Name a source as a user does, relative paths included."""
        if data not in BUNDLED and not data.startswith(OPENML):
            data = str(Path(data).resolve())
        return cls(data=data, target=target, without=without, validation_share=validation_share)


def read(source: Source, like: Schema | None = None) -> Labelled:
    """Read all rows; with `like`, as rows of the data that a network was trained on.

    Every fault of the data is a `DataError` that names the file, row or column.
    """
    path = Path(source.data)
    if source.data in BUNDLED:
        labelled = _without_table_options(source, BUNDLED[source.data]())
    elif source.data.startswith(OPENML):
        return read_openml(source.data.removeprefix(OPENML), source.target, source.without, like)
    elif path.suffix.lower() in TABLE_SUFFIXES and path.is_file():
        return read_table(path, source.target, source.without, like)
    else:
        labelled = _without_table_options(source, _read_folder(path, like))
    return labelled if like is None else like.fit(labelled)


def load(source: Source) -> Dataset:
    """Read all rows and split them as the source says."""
    return split(read(source), validation_share=source.validation_share)


def _read_folder(path: Path, like: Schema | None) -> Labelled:
    if path.suffix.lower() == ".npz" and path.is_file():
        return read_arrays(path, like)
    if not path.is_dir():
        found = "no such file or folder" if not path.exists() else "another kind of file"
        raise DataError(f"data: expected {KINDS}, found {found}: {str(path)!r}")
    if is_idx(path):
        return read_idx(path)
    if is_cifar(path):
        return read_cifar(path)
    if any((path / name).is_file() for name in OTHER_CIFAR):
        raise DataError(
            f"{path.name}: expected the Python version of CIFAR, found another; download that one"
        )
    return read_images(path)


def _without_table_options(source: Source, labelled: Labelled) -> Labelled:
    for option, given in (("--target", source.target), ("--without", source.without)):
        if given:
            raise DataError(
                f"{option}: expected only with a table, found data {labelled.name!r}; leave it out"
            )
    return labelled
