"""Preparation of a table's columns: standardised numbers, their pieces, and flags."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from models.data.dataset import FloatRows
from models.data.magnitude import resolved
from models.networks.calendar import CALENDAR_FLAGS, calendar_flags
from service.contract import Input

# Of a piece, relative to its largest end. In a narrower one, float32's rounding would show.
SMALLEST_PIECE = 2e-4


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Prepare a table's columns by kind; every tuple has an item for each column, or is empty.

    Numbers are standardised, with the mean in place of missing values. `pieces` > 0 adds that many
    steps of a number between `quantiles` of the training rows, a piecewise linear encoding
    (Gorishniy et al. 2022, arXiv 2203.05556, section 3.2). A column with `categories` > 0 becomes
    one flag for each category. Dates are numbers with flags for the day of the week and the month.
    `missing_flags` adds a flag for missing values to the columns that had any in training.

    `flag_size` is the value of a set flag. AdamW moves the weights of rare flags as fast as all
    others; with smaller flags the network learns less from few rows.
    """

    kind: Literal["columns"] = "columns"
    categories: tuple[Annotated[int, Field(ge=0)], ...]  # for each column their number, or 0
    missing_flags: tuple[bool, ...]
    dates: tuple[bool, ...] = ()
    pieces: tuple[Annotated[int, Field(ge=0)], ...] = ()
    quantiles: Annotated[int, Field(ge=0)] = 0
    flag_size: Annotated[float, Field(gt=0)] = 1.0


def columns_for(row: Input, rows: FloatRows, *, quantiles: int, flag_size: float) -> Columns:
    """Choose the preparation of training rows (n, columns)."""
    is_number = [not column.categories for column in row.columns]
    return Columns(
        categories=tuple(len(column.categories) for column in row.columns),
        missing_flags=tuple(np.logical_or.reduce(np.isnan(rows)).tolist()),
        dates=tuple(column.date is not None for column in row.columns),
        pieces=tuple(
            len(piece_ends(values, quantiles)) - 1 if number else 0
            for values, number in zip(rows.T, is_number, strict=True)
        ),
        quantiles=quantiles,
        flag_size=flag_size,
    )


def piece_ends(values: FloatRows, quantiles: int) -> NDArray[np.float64]:
    """Return the ends of pieces, (pieces + 1,), between so many quantiles of `values` (n,).

    Missing values do not count. There are fewer pieces where values repeat or float32 could not
    resolve a piece, and none where one piece would remain: it would repeat the standardised number.
    """
    known = values[~np.isnan(values)].astype(np.float64)
    if not len(known) or quantiles < 2:
        return np.zeros(1)
    candidates = np.unique(np.quantile(known, np.linspace(0, 1, quantiles + 1)))
    smallest = SMALLEST_PIECE * np.abs(candidates).max()
    ends = [candidates[0]]
    for end in candidates[1:]:
        if end - ends[-1] > smallest:
            ends.append(end)
    return np.array(ends) if len(ends) > 2 else np.zeros(1)


class ColumnPreparation(nn.Module):
    """A table's inputs to the network: numbers, their pieces, then flags.

    A piece of a number is 0 below its lower end, 1 above its upper end, and linear between; the
    pieces of a column are divided by the root of their count, so that a column has the same size
    however many it has. All values of a column are 0 if it is missing (NaN), apart from its flag
    for missing values, and all flags of a category for an unknown index.
    """

    mean: Tensor
    spread: Tensor
    lows: Tensor
    widths: Tensor
    numbers: Tensor
    dates: Tensor
    flag_columns: Tensor
    flag_indices: Tensor
    missing_columns: Tensor
    piece_columns: Tensor
    piece_sizes: Tensor

    def __init__(self, columns: Columns) -> None:
        super().__init__()
        counts = list(enumerate(columns.categories))
        numbers = [column for column, number in counts if number == 0]
        dates = [column for column, is_date in enumerate(columns.dates) if is_date]
        flags = [(column, index) for column, number in counts for index in range(number)]
        missing = [column for column, has_flag in enumerate(columns.missing_flags) if has_flag]
        encoded = [(column, number) for column, number in enumerate(columns.pieces) if number]
        pieces = [(column, number) for column, number in encoded for _ in range(number)]
        self.encoded, self.quantiles = [column for column, _ in encoded], columns.quantiles
        self.flag_size = columns.flag_size
        self.outputs = len(numbers) + len(pieces) + len(flags) + len(missing)
        self.outputs += CALENDAR_FLAGS * len(dates)
        self.register_buffer("mean", torch.zeros(len(numbers)))
        self.register_buffer("spread", torch.ones(len(numbers)))
        if pieces:  # older weights have none of these
            self.register_buffer("lows", torch.zeros(len(pieces)))
            self.register_buffer("widths", torch.ones(len(pieces)))
        for name, values in {
            "numbers": torch.tensor(numbers, dtype=torch.long),
            "dates": torch.tensor(dates, dtype=torch.long),
            "flag_columns": torch.tensor([column for column, _ in flags], dtype=torch.long),
            "flag_indices": torch.tensor([float(index) for _, index in flags]),
            "missing_columns": torch.tensor(missing, dtype=torch.long),
            "piece_columns": torch.tensor([column for column, _ in pieces], dtype=torch.long),
            "piece_sizes": torch.tensor([number**-0.5 for _, number in pieces]),
        }.items():
            # Not persistent: the configuration determines them, so the weights' file omits them.
            self.register_buffer(name, values, persistent=False)

    def fit(self, rows: Tensor) -> None:
        """Set mean, spread and pieces of each number from the known values of `rows`.

        `rows` (n, columns) must be those for which `columns_for` counted the pieces.
        """
        known = rows.index_select(1, self.numbers).double()
        mean = known.nanmean(dim=0)
        spread = (known - mean).square().nanmean(dim=0).sqrt().nan_to_num()
        largest = known.abs().nan_to_num().amax(dim=0)
        fitted = torch.from_numpy(resolved(spread.numpy(), largest.numpy()))
        self.mean.copy_(mean.nan_to_num())  # NaN for a column without any known value
        self.spread.copy_(torch.where(fitted, spread, torch.ones_like(spread)))
        ends = [piece_ends(rows[:, column].numpy(), self.quantiles) for column in self.encoded]
        if ends:
            self.lows.copy_(torch.from_numpy(np.concatenate([end[:-1] for end in ends])))
            self.widths.copy_(torch.from_numpy(np.concatenate([np.diff(end) for end in ends])))

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, columns) to (batch, outputs)."""
        parts = []
        if len(self.numbers):
            numbers = x.index_select(1, self.numbers)
            parts.append(_known(numbers, (numbers - self.mean) / self.spread))
        if len(self.piece_columns):
            numbers = x.index_select(1, self.piece_columns)
            pieces = ((numbers - self.lows) / self.widths).clamp(0, 1)
            parts.append(_known(numbers, pieces * self.piece_sizes))
        if len(self.flag_indices):
            flags = (x.index_select(1, self.flag_columns) == self.flag_indices).to(x.dtype)
            parts.append(self._sized(flags))
        if len(self.dates):
            dates = x.index_select(1, self.dates)
            flags = calendar_flags(_known(dates, dates))
            known = torch.isnan(dates).logical_not().to(x.dtype)[..., None]
            parts.append(self._sized((flags * known).flatten(1)))
        if len(self.missing_columns):
            parts.append(torch.isnan(x.index_select(1, self.missing_columns)).to(x.dtype))
        return torch.cat(parts, dim=1)

    def _sized(self, flags: Tensor) -> Tensor:
        return flags if self.flag_size == 1 else flags * self.flag_size


def _known(numbers: Tensor, values: Tensor) -> Tensor:
    """Return `values` with 0 where `numbers` are missing."""
    return torch.where(torch.isnan(numbers), torch.zeros_like(values), values)
