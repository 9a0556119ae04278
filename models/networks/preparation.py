"""Preparation of raw values: the network's first step, which scales them to about unit size.

It is part of the network and of the exported graph, so that requests send raw values. docs/data.md
describes the values of each kind of column.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from models.data.dataset import FloatRows
from service.contract import Input

TINY = 1e-12  # a column of a smaller spread is constant, and is not scaled


@dataclass(frozen=True, kw_only=True)
class Standardise:
    """Subtract the training rows' mean and divide by their spread, both over all pixels."""

    kind: Literal["standardise"] = "standardise"


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Divide by a fixed number."""

    kind: Literal["scale"] = "scale"
    divisor: Annotated[float, Field(gt=0)]


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Scale each row on its own to mean 0 and spread 1 (global contrast normalisation)."""

    kind: Literal["contrast"] = "contrast"


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Prepare a table's columns by kind.

    Numbers are standardised, with the mean in place of missing values. A column with `categories` >
    0 becomes one flag for each category. `missing_flags` adds a flag for missing values to the
    columns that had any in training.
    """

    kind: Literal["columns"] = "columns"
    categories: tuple[Annotated[int, Field(ge=0)], ...]  # for each column their number, or 0
    missing_flags: tuple[bool, ...]  # for each column


Preparation = Annotated[Standardise | Scale | Contrast | Columns, Field(discriminator="kind")]


def preparation_for(row: Input, rows: FloatRows) -> Standardise | Columns:
    """Choose the preparation of training rows (n, features)."""
    if row.kind == "image":
        return Standardise()
    return Columns(
        categories=tuple(len(column.categories) for column in row.columns),
        missing_flags=tuple(np.logical_or.reduce(np.isnan(rows)).tolist()),
    )


class ShiftAndScale(nn.Module):
    """Subtract `mean` and divide by `spread`, both (features,), fitted or fixed."""

    mean: Tensor
    spread: Tensor

    def __init__(self, features: int, divisor: float = 1.0) -> None:
        super().__init__()
        self.outputs = features
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("spread", torch.full((features,), divisor))

    def fit(self, rows: Tensor) -> None:
        """Set one mean and one spread from all values of `rows`, (n, features)."""
        spread = rows.double().std()
        self.mean.fill_(rows.double().mean())
        self.spread.fill_(spread if spread > TINY else 1.0)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, features) to (batch, features)."""
        return (x - self.mean) / self.spread


class ContrastNormalisation(nn.Module):
    """Scale each row to mean 0 and spread 1; a row without contrast becomes zeros."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.outputs = features

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, features) to (batch, features)."""
        mean = x.mean(dim=1, keepdim=True)
        centred = x - mean
        # In a row without contrast only the mean's rounding error remains; it must stay small.
        rounding = (mean * 1e-3).square()
        spread = (centred.square().mean(dim=1, keepdim=True) + rounding).sqrt()
        return centred / spread.clamp_min(1e-6)


class ColumnPreparation(nn.Module):
    """A table's inputs to the network: numbers, then category flags, then flags for missing values.

    All category flags of a column are 0 for a missing value, NaN, and for an unknown index.
    """

    mean: Tensor
    spread: Tensor
    numbers: Tensor
    flag_columns: Tensor
    flag_indices: Tensor
    missing_columns: Tensor

    def __init__(self, columns: Columns) -> None:
        super().__init__()
        counts = list(enumerate(columns.categories))
        numbers = [column for column, count in counts if count == 0]
        flags = [(column, index) for column, count in counts for index in range(count)]
        missing = [column for column, has_flag in enumerate(columns.missing_flags) if has_flag]
        self.outputs = len(numbers) + len(flags) + len(missing)
        self.register_buffer("mean", torch.zeros(len(numbers)))
        self.register_buffer("spread", torch.ones(len(numbers)))
        for name, values in {
            "numbers": torch.tensor(numbers, dtype=torch.long),
            "flag_columns": torch.tensor([column for column, _ in flags], dtype=torch.long),
            "flag_indices": torch.tensor([float(index) for _, index in flags]),
            "missing_columns": torch.tensor(missing, dtype=torch.long),
        }.items():
            # Not persistent: the configuration determines them, so the weights' file omits them.
            self.register_buffer(name, values, persistent=False)

    def fit(self, rows: Tensor) -> None:
        """Set each number's mean and spread from the known values of `rows`, (n, columns)."""
        known = rows.index_select(1, self.numbers).double()
        mean = known.nanmean(dim=0)
        spread = (known - mean).square().nanmean(dim=0).sqrt()
        self.mean.copy_(mean.nan_to_num())  # NaN for a column without any known value
        self.spread.copy_(torch.where(spread > TINY, spread, torch.ones_like(spread)))

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, columns) to (batch, outputs)."""
        parts = []
        if len(self.numbers):
            values = (x.index_select(1, self.numbers) - self.mean) / self.spread
            parts.append(torch.where(torch.isnan(values), torch.zeros_like(values), values))
        if len(self.flag_indices):
            parts.append((x.index_select(1, self.flag_columns) == self.flag_indices).to(x.dtype))
        if len(self.missing_columns):
            parts.append(torch.isnan(x.index_select(1, self.missing_columns)).to(x.dtype))
        return torch.cat(parts, dim=1)


PreparationModule = ShiftAndScale | ContrastNormalisation | ColumnPreparation


def build_preparation(preparation: Preparation, features: int) -> PreparationModule:
    """Build the module for rows of `features` values."""
    match preparation:
        case Standardise():
            return ShiftAndScale(features)
        case Scale(divisor=divisor):
            return ShiftAndScale(features, divisor)
        case Contrast():
            return ContrastNormalisation(features)
        case Columns():
            return ColumnPreparation(preparation)
