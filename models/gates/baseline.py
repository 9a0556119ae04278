"""What the gates do on training rows and on held-out ones: the yardstick for later traffic."""

from dataclasses import dataclass

import numpy as np
import torch

from models.data.dataset import Dataset, FloatRows, Part
from models.evaluation import rows_in_order
from models.gates.held_out import HeldOut
from models.networks.network import HighwayClassifier, mean_gates

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
DECIMALS = 6  # beyond float32's own precision of a mean gate nothing is worth storing


@dataclass(frozen=True, kw_only=True)
class GateStatistics:
    """Mean gates of a group of rows: one number for each layer, in [0, 1].

    `quantiles` has one such row for each of the baseline's `levels`.
    """

    rows: int
    mean: tuple[float, ...]
    spread: tuple[float, ...]  # standard deviation
    quantiles: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, kw_only=True)
class GateBaseline:
    """Gate statistics over all training rows, and over those of each label.

    `held_out` are rows that were not trained on, or where too few were kept, some that were.
    """

    levels: tuple[float, ...]
    overall: GateStatistics
    by_label: dict[str, GateStatistics]
    held_out: HeldOut


def gate_baseline(network: HighwayClassifier, dataset: Dataset, held_out: HeldOut) -> GateBaseline:
    """Measure the network's gates on the training rows."""
    openness = layer_openness(network, dataset.train)
    by_label = {
        label: _statistics(openness[dataset.train.y == index])
        for index, label in enumerate(dataset.labels)
    }
    return GateBaseline(
        levels=QUANTILES, overall=_statistics(openness), by_label=by_label, held_out=held_out
    )


@torch.no_grad()
def layer_openness(network: HighwayClassifier, part: Part) -> FloatRows:
    """Return the mean transform gate of each layer for each row, (rows, layers)."""
    network.eval()
    means = [mean_gates(network(x)[1]) for x, _ in rows_in_order(network, part)]
    return torch.cat(means).cpu().numpy()


def _statistics(openness: FloatRows) -> GateStatistics:
    openness = openness.astype(np.float64)  # float32 sums of many rows lose digits
    quantiles = np.quantile(openness, QUANTILES, axis=0)
    return GateStatistics(
        rows=len(openness),
        mean=_rounded(openness.mean(axis=0)),
        spread=_rounded(openness.std(axis=0)),
        quantiles=tuple(_rounded(row) for row in quantiles),
    )


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    return tuple(np.round(values, DECIMALS).tolist())
