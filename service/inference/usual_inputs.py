"""Usual values of a model's inputs, which replace those of a row that is explained."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from service.arrays import FloatArray
from service.baselines import InputBaseline


@dataclass(frozen=True)
class UsualInputs:
    """The contract's `InputBaseline` as arrays.

    usual: (columns,) of a table or (channels,) of an image; values: (columns, most values of one)
    in rising order, then NaN; missing: (columns,), whether training rows lack the column's value.
    """

    usual: FloatArray
    values: FloatArray
    missing: NDArray[np.bool_]

    @classmethod
    def of(cls, baseline: InputBaseline) -> Self:
        """Return the arrays of a file's baseline."""
        most = max(map(len, baseline.values), default=0) or 1
        values = np.full((len(baseline.values), most), np.nan, np.float32)
        for row, column_values in zip(values, baseline.values, strict=True):
            row[: len(column_values)] = column_values
        usual = np.array(baseline.usual, np.float32)
        return cls(usual, values, np.array(baseline.missing, np.bool_))

    def replacement(self, row: FloatArray) -> FloatArray:
        """Return the value (columns,) that replaces each of a table's row (columns,).

        It is missing where training rows lack values, otherwise the usual value. What the row has
        already gives way to the next choice: the usual value, the next higher, the next lower one.
        A column without another value keeps its own.
        """
        own = row[:, None]
        higher = np.where(self.values > own, self.values, np.inf).min(axis=1)
        lower = np.where(self.values < own, self.values, -np.inf).max(axis=1)
        near = np.where(np.isfinite(higher), higher, np.where(np.isfinite(lower), lower, row))
        known = np.where(self.usual != row, self.usual, near)
        return np.where(self.missing & ~np.isnan(row), np.float32(np.nan), known)

    def choices(self, column: int, value: float) -> list[float]:
        """Return all other values that a column usually has: missing, if allowed, comes last."""
        known = self.values[column][~np.isnan(self.values[column])]
        others = np.unique([*known, self.usual[column]])
        choices: list[float] = others[others != value].tolist()
        if self.missing[column] and not math.isnan(value):
            choices.append(math.nan)
        return choices

    def decimals(self, column: int) -> int:
        """Return the most decimals of the column's values: 0 for integers."""
        known = self.values[column][~np.isnan(self.values[column])]
        return max((_decimals(value) for value in known), default=0)


def _decimals(value: np.float32) -> int:
    text = np.format_float_positional(value, trim="-")
    return len(text.partition(".")[2])
