"""From the data's own values to numbers of about unit size: the first step inside the network.

It is part of the network, and so of the exported graph: whoever asks sends raw values. docs/data.md
tells which columns and codes those are.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from models.data.dataset import FloatRows, InputSpec

TINY = 1e-12  # a smaller spread is that of a constant, which carries nothing


@dataclass(frozen=True, kw_only=True)
class Standardise:
    """Subtract the training rows' mean and divide by their spread; an image's pixels share both."""

    kind: Literal["standardise"] = "standardise"


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Divide by a number that is known beforehand."""

    kind: Literal["scale"] = "scale"
    divisor: Annotated[float, Field(gt=0)]


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Bring each row by itself to mean 0 and spread 1 (global contrast normalisation)."""

    kind: Literal["contrast"] = "contrast"


@dataclass(frozen=True, kw_only=True)
class Columns:
    """A table's columns, each by its kind.

    A number is standardised; where it is missing the mean stands in. A column with `categories` > 0
    becomes one flag for each of them. A column that was ever missing in training has a flag more,
    which tells that it is.
    """

    kind: Literal["columns"] = "columns"
    categories: tuple[Annotated[int, Field(ge=0)], ...]
    gaps: tuple[bool, ...]  # for each column, whether a flag tells that its value is missing


Preparation = Annotated[Standardise | Scale | Contrast | Columns, Field(discriminator="kind")]


def preparation_for(row: InputSpec, rows: FloatRows) -> Standardise | Columns:
    """Choose the preparation of training rows (n, features)."""
    if row.kind == "image":
        return Standardise()
    return Columns(
        categories=tuple(len(column.categories) for column in row.columns),
        gaps=tuple(np.logical_or.reduce(np.isnan(rows)).tolist()),
    )


class ShiftAndScale(nn.Module):
    """Subtract `mean` and divide by `spread`, both (features,): measured, or fixed before."""

    mean: Tensor
    spread: Tensor

    def __init__(self, features: int, divisor: float = 1.0) -> None:
        super().__init__()
        self.outputs = features
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("spread", torch.full((features,), divisor))

    def measure(self, rows: Tensor) -> None:
        """Take one mean and one spread over all of `rows`, (n, features)."""
        spread = rows.double().std()
        self.mean.fill_(rows.double().mean())
        self.spread.fill_(spread if spread > TINY else 1.0)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, features) to (batch, features)."""
        return (x - self.mean) / self.spread


class ContrastNormalisation(nn.Module):
    """Bring each row to mean 0 and spread 1; a row without contrast becomes zeros."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.outputs = features

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, features) to (batch, features)."""
        mean = x.mean(dim=1, keepdim=True)
        centred = x - mean
        # Of a row without contrast only the mean's rounding is left; it must not be made large.
        rounding = (mean * 1e-3).square()
        spread = (centred.square().mean(dim=1, keepdim=True) + rounding).sqrt()
        return centred / spread.clamp_min(1e-6)


class ColumnPreparation(nn.Module):
    """A table's values to the network's inputs: numbers, then categories' flags, then gaps' flags.

    A missing value, NaN, and a code that no category has set none of the category's flags.
    """

    mean: Tensor
    spread: Tensor
    numbers: Tensor
    flag_columns: Tensor
    flag_codes: Tensor
    gap_columns: Tensor

    def __init__(self, columns: Columns) -> None:
        super().__init__()
        kinds = list(enumerate(columns.categories))
        numbers = [column for column, count in kinds if count == 0]
        flags = [(column, code) for column, count in kinds for code in range(count)]
        gaps = [column for column, gap in enumerate(columns.gaps) if gap]
        self.outputs = len(numbers) + len(flags) + len(gaps)
        self.register_buffer("mean", torch.zeros(len(numbers)))
        self.register_buffer("spread", torch.ones(len(numbers)))
        # Told by the configuration, so kept out of the weights.
        for name, indices in (
            ("numbers", numbers),
            ("flag_columns", [column for column, _ in flags]),
            ("gap_columns", gaps),
        ):
            index = torch.tensor(indices, dtype=torch.long)
            self.register_buffer(name, index, persistent=False)
        codes = torch.tensor([float(code) for _, code in flags])
        self.register_buffer("flag_codes", codes, persistent=False)

    def measure(self, rows: Tensor) -> None:
        """Take each number's mean and spread over the rows (n, columns) where it is known."""
        known = rows.index_select(1, self.numbers).double()
        mean = known.nanmean(dim=0)
        spread = (known - mean).square().nanmean(dim=0).sqrt()
        self.mean.copy_(mean.nan_to_num())  # NaN where no training row has a value
        self.spread.copy_(torch.where(spread > TINY, spread, torch.ones_like(spread)))

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, columns) to (batch, outputs)."""
        parts = []
        if len(self.numbers):
            values = (x.index_select(1, self.numbers) - self.mean) / self.spread
            parts.append(torch.where(torch.isnan(values), torch.zeros_like(values), values))
        if len(self.flag_codes):
            parts.append((x.index_select(1, self.flag_columns) == self.flag_codes).to(x.dtype))
        if len(self.gap_columns):
            parts.append(torch.isnan(x.index_select(1, self.gap_columns)).to(x.dtype))
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
