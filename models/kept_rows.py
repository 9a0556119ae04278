"""Rows kept in a run directory, so that a finished run needs its data no more.

`highway export` verifies the file with them, and `highway evaluate` scores the test rows. Pixels
that are integers from 0 to 255 are stored as bytes, all other values as float32.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from models.data.dataset import Dataset, FloatRows, Part
from models.gates.record import normal_rows
from service.contract import Input

# The test rows of MNIST and CIFAR fit whole. On more, an accuracy is known to half a point anyway.
MAX_TEST_ROWS, MAX_TEST_BYTES = 10_000, 1 << 25
# Value ranges of int8 need few training rows, and its p-values down to 0.01 a few thousand rows.
CALIBRATION_ROWS, MAX_NORMAL_ROWS, MAX_BYTES = 512, 2_000, 1 << 23
GOLDEN_LABELS = 3


@dataclass(frozen=True, kw_only=True)
class KeptRows:
    """What export and evaluation need of the data; rows are (n, features).

    `golden` are averages of training rows, `calibration` are training rows, `normal` are rows of
    the part `normal_part` on which typicality is calibrated. `test` are all test rows, or a share
    of the data's `test_rows`, evenly spaced.
    """

    golden: FloatRows
    calibration: FloatRows
    normal: FloatRows
    normal_part: str
    test: Part
    test_rows: int

    @classmethod
    def of(cls, dataset: Dataset, *, whole_test: bool = False) -> "KeptRows":
        """Choose the rows, within the limits unless `whole_test`."""
        normal, normal_part = normal_rows(dataset)
        test = dataset.test
        if not whole_test:
            test = test.take(_spaced(test.x, MAX_TEST_ROWS, MAX_TEST_BYTES))
        train = dataset.train.x
        return cls(
            golden=golden_rows(dataset),
            calibration=train[_spaced(train, CALIBRATION_ROWS, MAX_BYTES)],
            normal=normal.x[_spaced(normal.x, MAX_NORMAL_ROWS, MAX_BYTES)],
            normal_part=normal_part,
            test=test,
            test_rows=len(dataset.test),
        )

    @property
    def complete(self) -> bool:
        """Whether `test` are all test rows."""
        return len(self.test) == self.test_rows

    def to_bytes(self) -> bytes:
        """Return the content of a safetensors file."""
        return save(
            {
                "golden": self.golden,
                "calibration": _compact(self.calibration),
                "normal": _compact(self.normal),
                "normal_is_validation": np.array([self.normal_part == "validation"], np.uint8),
                "test": _compact(self.test.x),
                "test_labels": self.test.y,
                "test_rows": np.array([self.test_rows], np.int64),
            }
        )

    @classmethod
    def from_bytes(cls, content: bytes, *, features: int, labels: int) -> "KeptRows":
        """Read a file for rows of so many values; a `ValueError` if it is another one."""
        try:
            tensors = load(content)
            test = Part(x=_rows(tensors["test"], features), y=tensors["test_labels"])
            rows = cls(
                golden=_rows(tensors["golden"], features),
                calibration=_rows(tensors["calibration"], features),
                normal=_rows(tensors["normal"], features),
                normal_part="validation" if tensors["normal_is_validation"][0] else "train",
                test=test,
                test_rows=int(tensors["test_rows"][0]),
            )
        except (SafetensorError, LookupError) as error:
            raise ValueError("not a file of kept rows") from error
        if test.y.shape != (len(test.x),) or not ((test.y >= 0) & (test.y < labels)).all():
            raise ValueError("labels of another network")
        return rows


def golden_rows(dataset: Dataset) -> FloatRows:
    """Return a few rows, each the average of a label's training rows: none is a row of the data.

    A table with missing values has one more row, without any value that can be missing.
    """
    golden = np.stack(
        [
            typical_row(dataset.input, dataset.train.x[dataset.train.y == label])
            for label in range(min(GOLDEN_LABELS, len(dataset.labels)))
        ]
    )
    gaps = np.isnan(dataset.train.x).any(axis=0)
    if gaps.any():
        golden = np.concatenate([golden, np.where(gaps, np.float32(np.nan), golden[:1])])
    return golden


def typical_row(row: Input, rows: FloatRows) -> FloatRows:
    """Return the mean of the known values of `rows` (n, features), or a category column's mode."""
    known = np.ma.masked_invalid(rows.astype(np.float64))
    typical = known.mean(axis=0).filled(np.nan)
    for index, column in enumerate(row.columns):
        if column.categories and not np.isnan(typical[index]):
            typical[index] = np.bincount(known[:, index].compressed().astype(np.int64)).argmax()
    return np.asarray(typical, np.float32)


def _spaced(rows: FloatRows, most_rows: int, most_bytes: int) -> NDArray[np.int64]:
    """Return the indices of as many rows as the limits allow, evenly spaced, at least one."""
    per_row = max(1, _compact(rows[:1]).nbytes)
    count = max(1, min(len(rows), most_rows, most_bytes // per_row))
    return np.linspace(0, len(rows) - 1, count).astype(np.int64)


def _compact(rows: FloatRows) -> NDArray[Any]:
    """Return the same numbers as bytes if that loses nothing."""
    with np.errstate(invalid="ignore"):  # NaN, a missing value, has no byte
        as_bytes = rows.astype(np.uint8)
    return as_bytes if np.array_equal(as_bytes, rows) else np.ascontiguousarray(rows)


def _rows(values: NDArray[Any], features: int) -> FloatRows:
    if values.ndim != 2 or values.shape[1] != features or not len(values):
        raise ValueError(f"rows of another size than {features} values")
    return values.astype(np.float32)
