"""Gate statistics: means over rows and classes, and the gates of one row (section 4.1)."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.data.dataset import FloatRows, Part
from models.evaluation import rows_in_order
from models.networks.layers import HighwayLayer
from models.networks.network import HighwayClassifier, unit_gates
from models.progress import OnProgress

Units = NDArray[np.float64]  # a number for each unit of a layer, or for each channel


@dataclass(frozen=True, kw_only=True)
class MeanGates:
    """Transform gates averaged over rows, for each unit, in [0, 1].

    `overall` has (width,) for each layer. `by_class` has (classes, width) for each layer, NaN for
    a class without rows; `class_rows` counts them.
    """

    overall: tuple[Units, ...]
    by_class: tuple[Units, ...]
    class_rows: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class RowGates:
    """Gates of one row, in [0, 1], and outputs of each layer, for each unit."""

    gates: tuple[Units, ...]
    outputs: tuple[Units, ...]


def gate_biases(network: HighwayClassifier) -> tuple[Units, ...]:
    """Return the current bias b_T of each layer's gates, (width,)."""
    return tuple(
        _units(block.gate_bias) for block in network.blocks if isinstance(block, HighwayLayer)
    )


@torch.no_grad()
def mean_unit_gates(
    network: HighwayClassifier, part: Part, on_progress: OnProgress, *, batch_size: int = 1000
) -> MeanGates:
    """Average the gates over the rows of `part`, at least one; only sums are kept in memory.

    `on_progress` is called once a batch.
    """
    network.eval()
    classes = network.config.classes
    sums = [
        torch.zeros(classes, block.width, dtype=torch.float64)
        for block in network.config.highway_blocks
    ]
    for x, y in rows_in_order(network, part, batch_size=batch_size):
        for layer, gate in zip(sums, network(x)[1], strict=True):
            layer.index_add_(0, y.cpu(), unit_gates(gate).cpu().double())
        on_progress(len(y))
    rows = np.bincount(part.y, minlength=classes)
    counts = np.where(rows == 0, np.nan, rows)[:, None]
    return MeanGates(
        overall=tuple(_units(layer.sum(dim=0)) / len(part) for layer in sums),
        by_class=tuple(_units(layer) / counts for layer in sums),
        class_rows=tuple(rows.tolist()),
    )


@torch.no_grad()
def row_gates(network: HighwayClassifier, row: FloatRows) -> RowGates:
    """Run one row (features,) through the layers; a channel is averaged over its positions."""
    network.eval()
    gates, outputs = [], []
    x = network.prepare(torch.from_numpy(row)[None].to(network.device))
    for block in network.blocks:
        if isinstance(block, HighwayLayer):
            x, gate, _ = block.mix(x)
            gates.append(_units(unit_gates(gate)[0]))
            outputs.append(_units(unit_gates(x)[0]))
        else:
            x = block(x)
    return RowGates(gates=tuple(gates), outputs=tuple(outputs))


def _units(values: Tensor) -> Units:
    return values.detach().double().cpu().numpy()
