"""Labelled rows in memory, before and after the fixed split, and the schema of further rows."""

import hashlib
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.errors import DataError, join_names, join_strings
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
    """Labelled rows before the split, and notes for the user on how they were read.

    `validation` and `test` are None if the data has no such rows of its own.
    """

    name: str
    input: Input
    labels: tuple[str, ...]
    rows: Part
    validation: Part | None = None
    test: Part | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Labelled rows in three parts, and notes on how they were read; `validation` may be empty."""

    name: str
    input: Input
    labels: tuple[str, ...]
    train: Part
    validation: Part
    test: Part
    notes: tuple[str, ...] = ()

    def part(self, name: SplitName) -> Part:
        """Return the part of that name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]

    def digest(self) -> str:
        """Return the SHA-256 of labels, columns, rows and split, in hexadecimal."""
        columns = ", ".join(map(_digested, self.input.columns))
        ending = "," if len(self.input.columns) == 1 else ""
        sha256 = hashlib.sha256(f"({self.labels!r}, ({columns}{ending}))".encode())
        for part in (self.train, self.validation, self.test):
            for values in (part.x, part.y):
                sha256.update(np.ascontiguousarray(values).reshape(-1).data)  # not a copy
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
        validation, test = (
            None if part is None else part.relabel(data.labels, self.labels)
            for part in (data.validation, data.test)
        )
        rows = data.rows.relabel(data.labels, self.labels)
        return replace(data, labels=self.labels, rows=rows, validation=validation, test=test)


def split(data: LabelledData, *, validation_share: float = HELD_OUT_SHARE) -> Dataset:
    """Split rows into train, validation and test, stratified by label.

    The data's own test and validation rows are kept. Without test rows a tenth of all rows is held
    out; without validation rows `validation_share`, in [0, 0.5], of all rows; 0 leaves it empty.
    """
    cuts_validation = data.validation is None and validation_share > 0
    _check_counts(data, parts=1 + (data.test is None) + cuts_validation)
    train, test, validation = np.arange(len(data.rows)), data.test, data.validation
    if test is None:
        train, chosen = _cut(train, data, HELD_OUT_SHARE, kept=1 + cuts_validation)
        test = data.rows.take(chosen)
    if validation is None:
        chosen = train[:0]
        if cuts_validation:
            train, chosen = _cut(train, data, validation_share, kept=1)
        validation = data.rows.take(chosen)
    return Dataset(
        name=data.name,
        input=data.input,
        labels=data.labels,
        train=data.rows.take(train),
        validation=validation,
        test=test,
        notes=data.notes,
    )


def part_sizes(data: LabelledData, *, validation_share: float) -> dict[SplitName, int]:
    """Return the number of rows of each part after `split`.

    They are exact if every label has at least one row in each part by its share.
    """
    labels, rows = len(data.labels), len(data.rows)
    test = len(data.test) if data.test is not None else 0
    validation = len(data.validation) if data.validation is not None else 0
    left = rows
    if data.test is None:
        test = held_out_count(rows, left, labels, HELD_OUT_SHARE)
        left -= test
    if data.validation is None and validation_share > 0:
        validation = held_out_count(rows, left, labels, validation_share)
        left -= validation
    return {"train": left, "validation": validation, "test": test}


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
    from sklearn.model_selection import train_test_split  # imported slowly, and not always needed

    labels = len(data.labels)
    count = held_out_count(len(data.rows), len(rows), labels, share)
    stay, held_out = train_test_split(
        rows, test_size=count, stratify=data.rows.y[rows], random_state=SPLIT_SEED
    )
    for label in range(labels):
        stay, held_out = _move(stay, held_out, data, label, wanted=1)
        held_out, stay = _move(held_out, stay, data, label, wanted=kept)
    return stay, held_out


def held_out_count(all_rows: int, rows: int, labels: int, share: float) -> int:
    """Return how many of `rows` a share of `all_rows` holds out, at least one of each label."""
    return min(max(labels, round(share * all_rows)), rows - labels)


def _move(
    source: Labels, target: Labels, data: LabelledData, label: int, *, wanted: int
) -> tuple[Labels, Labels]:
    """Move rows of a rare label until `target` has at least `wanted` of them."""
    missing = wanted - int((data.rows.y[target] == label).sum())
    if missing <= 0:
        return source, target
    moved = source[data.rows.y[source] == label][:missing]
    return source[~np.isin(source, moved)], np.concatenate([target, moved])


def _digested(column: Column) -> str:
    """Write a column for the digest; one of numbers or categories as in runs of older releases."""
    known = f"name={column.name!r}, categories={column.categories!r}"
    declared = f", date={column.date!r}, unit={column.unit!r}" if column.date or column.unit else ""
    return f"Column({known}{declared})"


def _describe(row: Input) -> str:
    size = "×".join(map(str, row.shape))
    if row.kind == "table":
        return (
            f"rows of {size} columns ({join_strings([_describe_column(c) for c in row.columns])})"
        )
    bounds = "" if row.low is None or row.high is None else f" {row.low:g}–{row.high:g}"
    return f"images of {size} in the unit {row.unit}{bounds}"


def _describe_column(column: Column) -> str:
    kind = f" as {'/'.join(column.categories)}" if column.categories else ""
    return f"{column.name!r}{kind}"
