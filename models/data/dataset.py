"""Labelled rows in memory: as they were read, and with their fixed split."""

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
HELD_OUT_SHARE = 0.1  # of all rows, for the test where the data brings none of its own


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table.

    A column of numbers has no categories. A column of categories is stored as the index of each
    row's category in `categories`; truth values are the categories "false" and "true".
    """

    name: str
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class InputSpec:
    """What one row of the data is: an image's pixels or a table's columns, in their own unit.

    `shape` is (height, width) of a grey image, (height, width, 3) of one in colour, or (columns,);
    rows are stored flat, row-major. A table's missing value is NaN; an image has none. `low` and
    `high` bound the values where the data's unit does. `columns` is empty for images.
    """

    kind: Literal["image", "table"]
    shape: tuple[int, ...]
    unit: str
    low: float | None = None
    high: float | None = None
    columns: tuple[Column, ...] = ()

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

    def take(self, rows: Labels | slice) -> "Part":
        """Return the rows of these indices, in their order."""
        return Part(x=self.x[rows], y=self.y[rows])


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Rows as they were read; `test` are those that the data itself sets apart for testing."""

    name: str
    input: InputSpec
    labels: tuple[str, ...]
    rows: Part
    test: Part | None = None


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A named set of rows, its labels in the order of their indices, and its three parts."""

    name: str
    input: InputSpec
    labels: tuple[str, ...]
    train: Part
    validation: Part  # empty where nothing was held out for it
    test: Part

    def part(self, name: SplitName) -> Part:
        """Return the part of that name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]

    def digest(self) -> str:
        """Identify rows, labels and split: sha256 over the three parts' bytes, as hexadecimal."""
        sha256 = hashlib.sha256(repr((self.labels, self.input.columns)).encode())
        for part in (self.train, self.validation, self.test):
            sha256.update(np.ascontiguousarray(part.x).tobytes())
            sha256.update(np.ascontiguousarray(part.y).tobytes())
        return sha256.hexdigest()


def split(data: Labelled, *, validation_share: float = HELD_OUT_SHARE) -> Dataset:
    """Cut rows into train, validation and test, each with every label's share.

    The test is the data's own where it brings one, else a tenth of all rows. The validation is
    `validation_share`, in [0, 0.5], of the rows read; 0 leaves it empty.
    """
    _check_counts(data, parts=1 + (data.test is None) + (validation_share > 0))
    rest, test = np.arange(len(data.rows)), data.test
    if test is None:
        rest, chosen = _cut(rest, data, HELD_OUT_SHARE, kept=1 + (validation_share > 0))
        test = data.rows.take(chosen)
    train, validation = rest, rest[:0]
    if validation_share > 0:
        train, validation = _cut(rest, data, validation_share, kept=1)
    return Dataset(
        name=data.name,
        input=data.input,
        labels=data.labels,
        train=data.rows.take(train),
        validation=data.rows.take(validation),
        test=test,
    )


def _check_counts(data: Labelled, *, parts: int) -> None:
    counts = np.bincount(data.rows.y, minlength=len(data.labels))
    if len(data.labels) < 2:
        raise DataError(
            f"{data.name}: expected at least 2 labels to tell apart, found only "
            f"{', '.join(map(repr, data.labels)) or 'none'}"
        )
    if counts.min() < parts:
        rare = int(counts.argmin())
        raise DataError(
            f"{data.name}: expected at least {parts} rows of each label, one for each part of the "
            f"split, found {counts[rare]} of label {data.labels[rare]!r}"
        )


def _cut(rows: Labels, data: Labelled, share: float, *, kept: int) -> tuple[Labels, Labels]:
    """Cut a share of all rows off `rows`; of each label one at least goes and `kept` stay."""
    labels = len(data.labels)
    count = min(max(labels, round(share * len(data.rows))), len(rows) - labels)
    stay, go = train_test_split(
        rows, test_size=count, stratify=data.rows.y[rows], random_state=SPLIT_SEED
    )
    for label in range(labels):
        stay, go = _with_label(stay, go, data, label, 1)
        go, stay = _with_label(go, stay, data, label, kept)
    return stay, go


def _with_label(
    giver: Labels, taker: Labels, data: Labelled, label: int, wanted: int
) -> tuple[Labels, Labels]:
    """Move rows of a rare label over until the taker has as many as wanted."""
    missing = wanted - int((data.rows.y[taker] == label).sum())
    if missing <= 0:
        return giver, taker
    moved = giver[data.rows.y[giver] == label][:missing]
    return giver[~np.isin(giver, moved)], np.concatenate([taker, moved])
