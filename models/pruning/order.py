"""Which layers can be missed, least missed first: gates propose, measurement decides.

Closing layers one by one does not tell what closing them together costs: two layers may do the
same work, so that either can be missed and not both. So each next layer is chosen by what is left
when it is closed beside those that are closed already. Trying every layer each time finds no better
orders than trying the few that are the least open (docs/pruning.md), and takes six times as long.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.data.dataset import Part
from models.evaluation import rows_in_order
from models.gates.baseline import layer_openness
from models.gates.lesions import logits_of
from models.gates.statistics import Step
from models.networks.network import HighwayClassifier
from models.pruning.surgery import highway_places

CANDIDATES = 4  # layers tried for each place in the order


@torch.no_grad()
def removal_order(network: HighwayClassifier, part: Part, step: Step) -> tuple[int, ...]:
    """Order all highway layers but the last one left, counted from 0, by joint loss on `part`.

    `step` is told of every layer that has found its place.
    """
    network.eval()
    places = highway_places(network)
    proposals = [int(layer) for layer in np.argsort(layer_openness(network, part).mean(axis=0))]
    batches = [(network.prepared(x), y) for x, y in rows_in_order(network, part)]
    order: list[int] = []
    while len(proposals) > 1:
        closed = {places[layer] for layer in order}
        losses = {
            layer: _loss(network, batches, closed | {places[layer]})
            for layer in proposals[:CANDIDATES]
        }
        order.append(min(losses, key=lambda layer: losses[layer]))
        proposals.remove(order[-1])
        step(1)
    return tuple(order)


def _loss(
    network: HighwayClassifier, batches: list[tuple[Tensor, Tensor]], closed: set[int]
) -> float:
    left = [block for place, block in enumerate(network.blocks) if place not in closed]
    return sum(
        float(functional.cross_entropy(logits_of(network, x, left), y, reduction="sum"))
        for x, y in batches
    )
