"""The order in which highway layers are removed, and how many can be removed within a budget.

The loss of closing single layers does not add up: if two layers do the same work, either can be
closed, but not both. So the next layer is chosen by the loss when it is closed together with the
layers already chosen. Only the few least open layers are tried: trying all of them takes six times
as long and finds no better order (docs/measurements/pruning.md).
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.data.dataset import Part
from models.evaluation import rows_in_order
from models.gates.lesions import logits_of
from models.gates.record import layer_openness
from models.networks.network import HighwayClassifier
from models.progress import OnProgress
from models.pruning.surgery import highway_positions

CANDIDATES = 4  # layers tried for each position of the order

Measure = Callable[[int], float]  # number of removed layers -> accuracy after fine-tuning


@torch.no_grad()
def removal_order(
    network: HighwayClassifier, part: Part, on_progress: OnProgress
) -> tuple[int, ...]:
    """Order all highway layers but the last remaining one, as indices from 0, by loss on `part`.

    `on_progress` is called with 1 after each layer.
    """
    network.eval()
    positions = highway_positions(network)
    remaining = [int(layer) for layer in np.argsort(layer_openness(network, part).mean(axis=0))]
    batches = [(network.prepare(x), y) for x, y in rows_in_order(network, part)]
    order: list[int] = []
    while len(remaining) > 1:
        closed = {positions[layer] for layer in order}
        losses = {
            layer: _loss(network, batches, closed | {positions[layer]})
            for layer in remaining[:CANDIDATES]
        }
        order.append(min(losses, key=lambda layer: losses[layer]))
        remaining.remove(order[-1])
        on_progress(1)
    return tuple(order)


def most_without_finetuning(accuracy: Sequence[float], min_accuracy: float) -> int:
    """Return the largest index of `accuracy` whose value is at least `min_accuracy`, or 0.

    `accuracy` has one value for each number of closed layers, from 0.
    """
    return max((count for count, value in enumerate(accuracy) if value >= min_accuracy), default=0)


def bisect(
    least: int, most: int, min_accuracy: float, measure: Measure
) -> Iterator[tuple[int, float]]:
    """Yield measured counts above `least` up to `most`, with their accuracy.

    If accuracy never rises with the count, the largest count with an accuracy of at least
    `min_accuracy` is among them. The number of measurements is logarithmic in that of the layers.
    """
    low, high = least, most
    while low < high:
        middle = (low + high + 1) // 2
        accuracy = measure(middle)
        yield middle, accuracy
        if accuracy >= min_accuracy:
            low = middle
        else:
            high = middle - 1


def _loss(
    network: HighwayClassifier, batches: list[tuple[Tensor, Tensor]], closed: set[int]
) -> float:
    blocks = [block for position, block in enumerate(network.blocks) if position not in closed]
    return sum(
        float(functional.cross_entropy(logits_of(network, x, blocks), y, reduction="sum"))
        for x, y in batches
    )
