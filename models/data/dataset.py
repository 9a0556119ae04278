"""Labelled rows in memory, with their fixed split."""

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from models.errors import DataError

SplitName = Literal["train", "validation", "test"]
FloatRows = NDArray[np.float32]
Labels = NDArray[np.int64]

SPLIT_SEED = 0  # the split belongs to the data, so no training seed may move it
HELD_OUT_SHARE = 0.1  # of all rows, for validation, and as much again for the test


@dataclass(frozen=True, kw_only=True)
class InputSpec:
    """What one row of the data is: an image's pixels or a table's columns, in their own unit.

    `shape` is (height, width) of an image, or (columns,); rows are stored flat, row-major.
    `low` and `high` bound the values where the data's unit does.
    """

    kind: Literal["image", "table"]
    shape: tuple[int, ...]
    unit: str
    low: float | None = None
    high: float | None = None

    @property
    def features(self) -> int:
        """The number of values in a row."""
        return int(np.prod(self.shape))


@dataclass(frozen=True, kw_only=True)
class Part:
    """Rows (n, features) in the data's own unit, and for each the index of its label."""

    x: FloatRows
    y: Labels

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A named set of rows, its labels in the order of their indices, and its three parts."""

    name: str
    input: InputSpec
    labels: tuple[str, ...]
    train: Part
    validation: Part
    test: Part

    def part(self, name: SplitName) -> Part:
        """Return the part of that name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]

    def digest(self) -> str:
        """Identify rows, labels and split: sha256 over the three parts' bytes, as hexadecimal."""
        sha256 = hashlib.sha256()
        for part in (self.train, self.validation, self.test):
            sha256.update(np.ascontiguousarray(part.x).tobytes())
            sha256.update(np.ascontiguousarray(part.y).tobytes())
        return sha256.hexdigest()


def split(
    *, name: str, input: InputSpec, labels: tuple[str, ...], x: FloatRows, y: Labels
) -> Dataset:
    """Cut rows into train, validation and test (80, 10, 10 %), each with every label's share."""
    counts = np.bincount(y, minlength=len(labels))
    if counts.min() < 3:
        rare = int(counts.argmin())
        raise DataError(
            f"{name}: expected at least 3 rows of each label, one for each part of the split, "
            f"found {counts[rare]} of label {labels[rare]!r}"
        )
    held_out = max(len(labels), round(HELD_OUT_SHARE * len(y)))
    rest, test = _cut(np.arange(len(y)), y, held_out)
    train, validation = _cut(rest, y, held_out)
    parts = [Part(x=x[rows], y=y[rows]) for rows in (train, validation, test)]
    return Dataset(
        name=name,
        input=input,
        labels=labels,
        train=parts[0],
        validation=parts[1],
        test=parts[2],
    )


def _cut(rows: Labels, y: Labels, count: int) -> tuple[Labels, Labels]:
    kept, cut = train_test_split(rows, test_size=count, stratify=y[rows], random_state=SPLIT_SEED)
    return kept, cut
