"""What data look like before a training: rows, labels, columns, and what is suspicious in them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.data.column_profile import ColumnProfile, profile_column, profile_problem
from models.data.dataset import (
    Dataset,
    FloatRows,
    LabelledData,
    Labels,
    Part,
    SplitName,
    part_sizes,
)
from models.data.opened_table import OpenedTable
from models.data.table import ReadTable
from service.contract import Input

FEW_ROWS = 10  # of a label; its score on test rows says little


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A description of data; `labels` are rows by label, `parts` rows by part of the split.

    Both are empty without a target. `input` is None for a table with problems.
    """

    name: str
    rows: int
    input: Input | None
    columns: tuple[ColumnProfile, ...]
    labels: dict[str, int]
    parts: dict[SplitName, int]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def majority(self) -> float:
        """The accuracy of a guess that is always the most frequent label."""
        return max(self.labels.values()) / sum(self.labels.values())

    @property
    def problems(self) -> tuple[str, ...]:
        """Why columns cannot be read."""
        return tuple(column.problem for column in self.columns if column.problem is not None)


def profile_dataset(dataset: Dataset) -> Profile:
    """Describe data after the split."""
    parts: dict[SplitName, int] = {
        "train": len(dataset.train),
        "validation": len(dataset.validation),
        "test": len(dataset.test),
    }
    return _profile(dataset, (dataset.train, dataset.validation, dataset.test), parts)


def profile_rows(data: LabelledData, *, validation_share: float) -> Profile:
    """Describe data before the split."""
    parts = part_sizes(data, validation_share=validation_share)
    own = [part for part in (data.rows, data.validation, data.test) if part is not None]
    return _profile(data, own, parts)


def profile_table(opened: OpenedTable, read: ReadTable) -> Profile:
    """Describe a table without a target or with columns that cannot be read."""
    by_name = {each.column.name: each for each in read.columns}
    classes = 0 if read.labels is None else len(read.labels)
    columns = []
    for name, values in zip(opened.table.column_names, opened.table.columns, strict=True):
        if name in read.problems:
            columns.append(profile_problem(name, values, str(read.problems[name])))
        elif name in by_name:
            each = by_name[name]
            columns.append(profile_column(each.column, each.values, read.y, classes))
    return Profile(
        name=opened.name,
        rows=opened.table.num_rows,
        input=None,
        columns=tuple(columns),
        labels={} if read.labels is None or read.y is None else _counts(read.labels, read.y),
        parts={},
        notes=opened.notes,
        warnings=(),
    )


def _profile(
    data: Dataset | LabelledData, rows: Sequence[Part], parts: dict[SplitName, int]
) -> Profile:
    """Describe the rows of all parts; those of images are not joined, which would copy them."""
    y = np.concatenate([part.y for part in rows])
    counts = _counts(data.labels, y)
    columns: tuple[ColumnProfile, ...] = ()
    warnings = _about_labels(counts)
    if data.input.kind == "table":
        x = np.concatenate([part.x for part in rows])
        columns = tuple(
            profile_column(column, x[:, index], y, len(data.labels))
            for index, column in enumerate(data.input.columns)
        )
        warnings += _about_duplicates(x, y)
    return Profile(
        name=data.name,
        rows=len(y),
        input=data.input,
        columns=columns,
        labels=counts,
        parts=parts,
        notes=data.notes,
        warnings=warnings,
    )


def _counts(labels: tuple[str, ...], y: Labels) -> dict[str, int]:
    """Return the rows of each label, the most frequent first."""
    counts = np.bincount(y, minlength=len(labels))
    order = np.argsort(-counts, kind="stable")
    return {labels[label]: int(counts[label]) for label in order}


def _about_labels(counts: dict[str, int]) -> tuple[str, ...]:
    rare = [label for label, count in counts.items() if count < FEW_ROWS]
    if not rare:
        return ()
    more = f" and {len(rare) - 1} others have" if len(rare) > 1 else " has"
    return (f"the label {rare[-1]!r}{more} fewer than {FEW_ROWS} rows",)


def _about_duplicates(x: FloatRows, y: Labels) -> tuple[str, ...]:
    """Count rows (n, columns) that repeat an earlier row with the same label."""
    rows = np.ascontiguousarray(np.column_stack([x, y.astype(np.float32)]))
    whole_rows = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()
    repeated = len(x) - len(set(whole_rows.tolist()))
    if not repeated:
        return ()
    share = f"({repeated / len(x):.1%})"
    found = f"1 row {share} repeats" if repeated == 1 else f"{repeated} rows {share} repeat"
    return (f"{found} an earlier row, so that test rows can be known from the training",)
