"""What the gates do on rows that were not trained on, in bins: the yardstick for later traffic."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import FloatRows

BINS = 11
LEAST_ROWS = 10 * BINS  # of a label, for bins of its own; below, those of all rows
# Above a quantile, so that a constant gate falls on one side of it on every machine.
MARGIN = 1e-5
DECIMALS = 6


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Held-out rows by predicted label, in the labels' order.

    edges: (labels, layers, BINS − 1), the 1/11 … 10/11 quantiles of the layer's mean gate for rows
    of that label. counts: (labels, layers, BINS), those rows by the number of edges that their
    mean gate is above.
    """

    rows: int
    part: str
    predicted: list[int]
    edges: list[list[list[float]]]
    counts: list[list[list[int]]]


def held_out(gates: FloatRows, predicted: NDArray[np.int64], *, labels: int, part: str) -> HeldOut:
    """Count rows: gates (rows, layers), mean ones as served; predicted (rows,), labels from 0.

    `part` says which rows they are. Without a row it is a `ValueError`.
    """
    if not len(gates):
        raise ValueError("held-out rows: expected at least one, found none")
    groups = [gates[predicted == label] for label in range(labels)]
    edges = [_edges(group if len(group) >= LEAST_ROWS else gates) for group in groups]
    counts = [_counts(group, lines) for group, lines in zip(groups, edges, strict=True)]
    return HeldOut(
        rows=len(gates),
        part=part,
        predicted=[len(group) for group in groups],
        # As float64, which has shorter decimals than the float32 nearest to them.
        edges=[np.round(lines.astype(np.float64), DECIMALS).tolist() for lines in edges],
        counts=[lines.tolist() for lines in counts],
    )


def _edges(gates: FloatRows) -> FloatRows:
    """Return (layers, BINS − 1), as they will be read: of few decimals, in float32."""
    levels = np.arange(1, BINS) / BINS
    quantiles = np.quantile(gates.astype(np.float64), levels, axis=0).T + MARGIN
    return np.round(quantiles, DECIMALS).astype(np.float32)


def _counts(gates: FloatRows, edges: FloatRows) -> NDArray[np.int64]:
    """Return (layers, BINS)."""
    bins = (gates[:, :, None] > edges).sum(axis=2)
    return np.stack([np.bincount(layer, minlength=BINS) for layer in bins.T])
