"""Labelled rows in memory, before and after the fixed split, and the schema of further rows."""

import hashlib
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from models.errors import DataError, join_names
from service.contract import Column, Input

SplitName = Literal["train", "validation", "test"]
FloatRows = NDArray[np.float32]
Labels = NDArray[np.int64]

SPLIT_SEED = 0  # fixed: the split belongs to the data and must not depend on the training's seed
HELD_OUT_SHARE = 0.1  # of all rows, held out for the test if the data has no test rows of its own


@dataclass(frozen=True, kw_only=True)
class Part:
    """Rows (n, values) in the data's own unit, and the label index of each, (n,).

    An image's pixels are stored flat, row-major. NaN marks a missing value of a table.
    """

    x: FloatRows
    y: Labels

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: Labels | slice) -> "Part":
        """Return the rows at these indices, in their order."""
        return Part(x=self.x[rows], y=self.y[rows])

    def relabel(self, labels: tuple[str, ...], new_labels: tuple[str, ...]) -> "Part":
        """Return the same rows with label indices into `new_labels` instead of `labels`."""
        index = np.array([new_labels.index(label) for label in labels], np.int64)
        return Part(x=self.x, y=index[self.y])


@dataclass(frozen=True, kw_only=True)
class LabelledData:
    """Labelled rows before the split; `test` is None if the data has no test rows of its own."""

    name: str
    input: Input
    labels: tuple[str, ...]
    rows: Part
    test: Part | None = None


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Labelled rows in three parts; `validation` may be empty."""

    name: str
    input: Input
    labels: tuple[str, ...]
    train: Part
    validation: Part
    test: Part

    def part(self, name: SplitName) -> Part:
        """Return the part of that name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]

    def digest(self) -> str:
        """Return the SHA-256 of labels, columns, rows and split, in hexadecimal."""
        sha256 = hashlib.sha256(repr((self.labels, self.input.columns)).encode())
        for part in (self.train, self.validation, self.test):
            sha256.update(np.ascontiguousarray(part.x).tobytes())
            sha256.update(np.ascontiguousarray(part.y).tobytes())
        return sha256.hexdigest()


@dataclass(frozen=True, kw_only=True)
class Schema:
    """The input and labels of a trained network, which further data must match."""

    input: Input
    labels: tuple[str, ...]

    def align(self, data: LabelledData) -> LabelledData:
        """Return `data` with the network's label indices.

        Raises `DataError` for an unknown label, or an input that differs from the network's.
        """
        if data.input != self.input:
            raise DataError(
                f"{data.name}: expected {_describe(self.input)} as in the network's training data, "
                f"found {_describe(data.input)}"
            )
        for label in data.labels:
            if label not in self.labels:
                raise DataError(
                    f"{data.name}: expected one of the network's labels "
                    f"({join_names(self.labels)}), found {label!r}"
                )
        return replace(
            data,
            labels=self.labels,
            rows=data.rows.relabel(data.labels, self.labels),
            test=None if data.test is None else data.test.relabel(data.labels, self.labels),
        )


def split(data: LabelledData, *, validation_share: float = HELD_OUT_SHARE) -> Dataset:
    """Split rows into train, validation and test, stratified by label.

    The data's own test rows are kept; without them a tenth of all rows is held out. The validation
    part is `validation_share`, in [0, 0.5], of all rows; 0 leaves it empty.
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


def _check_counts(data: LabelledData, *, parts: int) -> None:
    counts = np.bincount(data.rows.y, minlength=len(data.labels))
    if len(data.labels) < 2:
        raise DataError(f"{data.name}: expected at least 2 labels, found only {data.labels[0]!r}")
    if counts.min() < parts:
        rare = int(counts.argmin())
        raise DataError(
            f"{data.name}: expected at least {parts} rows of each label, one for each part of the "
            f"split, found {counts[rare]} of label {data.labels[rare]!r}"
        )


def _cut(rows: Labels, data: LabelledData, share: float, *, kept: int) -> tuple[Labels, Labels]:
    """Split `rows` (n,), indices, into those that stay and those that are held out.

    `share` is of all rows. At least `kept` rows of each label stay, and at least one is held out.
    """
    labels = len(data.labels)
    count = min(max(labels, round(share * len(data.rows))), len(rows) - labels)
    stay, held_out = train_test_split(
        rows, test_size=count, stratify=data.rows.y[rows], random_state=SPLIT_SEED
    )
    for label in range(labels):
        stay, held_out = _move(stay, held_out, data, label, wanted=1)
        held_out, stay = _move(held_out, stay, data, label, wanted=kept)
    return stay, held_out


def _move(
    source: Labels, target: Labels, data: LabelledData, label: int, *, wanted: int
) -> tuple[Labels, Labels]:
    """Move rows of a rare label until `target` has at least `wanted` of them."""
    missing = wanted - int((data.rows.y[target] == label).sum())
    if missing <= 0:
        return source, target
    moved = source[data.rows.y[source] == label][:missing]
    return source[~np.isin(source, moved)], np.concatenate([target, moved])


def _describe(row: Input) -> str:
    size = "×".join(map(str, row.shape))
    if row.kind == "table":
        return f"rows of {size} columns ({join_names([_describe_column(c) for c in row.columns])})"
    bounds = "" if row.low is None or row.high is None else f" {row.low:g}–{row.high:g}"
    return f"images of {size} in the unit {row.unit}{bounds}"


def _describe_column(column: Column) -> str:
    return f"{column.name} as {'/'.join(column.categories)}" if column.categories else column.name
