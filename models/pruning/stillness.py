"""Gates that never move: the same for every row, so that a constant can stand for them."""

import torch
from torch import Tensor

from models.data.dataset import Part
from models.evaluation import rows_in_order
from models.networks.network import HighwayClassifier

LARGEST_MOVE = 0.01  # between a gate's highest and lowest value over all rows and positions


@torch.no_grad()
def still_gates(network: HighwayClassifier, part: Part) -> dict[int, Tensor]:
    """Find the layers, counted from 0, of whose gates none moves over the rows of `part`.

    Each is given with the middle of every unit's gates, (width,).
    """
    lows: list[Tensor] = []
    highs: list[Tensor] = []
    for x, _ in rows_in_order(network, part):
        for layer, gate in enumerate(network(x)[1]):
            units = gate.transpose(0, 1).flatten(1)  # (width, rows × positions)
            low, high = units.amin(dim=1), units.amax(dim=1)
            if layer == len(lows):
                lows.append(low)
                highs.append(high)
            else:
                lows[layer] = torch.minimum(lows[layer], low)
                highs[layer] = torch.maximum(highs[layer], high)
    constant = [block.constant_gate for block in network.config.highway_blocks]
    return {
        layer: ((low + high) / 2).clamp(1e-6, 1 - 1e-6)  # inside what a sigmoid can give
        for layer, (low, high) in enumerate(zip(lows, highs, strict=True))
        if not constant[layer] and float((high - low).max()) <= LARGEST_MOVE
    }
