"""Preparation of raw values: the network's first step, which scales them to about unit size.

It is part of the network and of the exported graph, so that requests send raw values. docs/data.md
describes the values of each kind of column; `models.networks.columns` prepares those of tables.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from models.data.dataset import FloatRows
from models.data.magnitude import resolved
from models.networks.columns import ColumnPreparation, Columns, columns_for
from service.contract import Input


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


Preparation = Annotated[Standardise | Scale | Contrast | Columns, Field(discriminator="kind")]


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
        values = rows.double()
        spread, largest = values.std(), values.abs().max()
        self.mean.fill_(values.mean())
        self.spread.fill_(spread if resolved(spread.numpy(), largest.numpy()) else 1.0)

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
        largest = x.abs().amax(dim=1, keepdim=True)
        x = x / torch.where(largest > 0, largest, torch.ones_like(largest))  # whatever the unit
        mean = x.mean(dim=1, keepdim=True)
        centred = x - mean
        # In a row without contrast only the mean's rounding error remains; it must stay small.
        rounding = (mean * 1e-3).square()
        spread = (centred.square().mean(dim=1, keepdim=True) + rounding).sqrt()
        return centred / spread.clamp_min(1e-6)


PreparationModule = ShiftAndScale | ContrastNormalisation | ColumnPreparation


def preparation_for(
    row: Input, rows: FloatRows, *, quantiles: int = 0, flag_size: float = 1.0
) -> Standardise | Columns:
    """Choose the preparation of training rows (n, features); the options are those of tables."""
    if row.kind == "image":
        return Standardise()
    return columns_for(row, rows, quantiles=quantiles, flag_size=flag_size)


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
