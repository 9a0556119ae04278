"""Lesions: accuracy and loss of a network with highway layers closed (section 4.2, Fig. 4).

A closed layer carries its input unchanged. The paper closes one layer at a time. Here the least
useful layers are also closed together, because layers that are dispensable one by one are not
always dispensable together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.data.dataset import Part
from models.evaluation import rows_in_order
from models.gates.outcomes import Outcome, OutcomeSums
from models.networks.layers import HighwayLayer
from models.networks.network import HighwayClassifier
from models.progress import OnProgress


@dataclass(frozen=True, kw_only=True)
class Lesions:
    """Outcomes of the intact network, and with each highway layer closed in turn.

    `ties` are the positions, from 0, of layers that are not distinguishable from the least useful
    one: the interval of the difference of the two accuracies contains 0.
    """

    intact: Outcome
    single: tuple[Outcome, ...]
    ties: tuple[int, ...] = ()

    def least_useful_first(self) -> tuple[int, ...]:
        """Return the layers' positions, from 0, by the loss with that layer closed."""
        return _by_loss(self.single)


@torch.no_grad()
def single_lesions(network: HighwayClassifier, part: Part, on_progress: OnProgress) -> Lesions:
    """Classify the rows of `part`, at least one, with each highway layer closed in turn.

    A closed layer's input goes straight to the blocks after it, so the blocks before it are
    computed once for all lesions: half the work of closing gates by `gate_scale`, and the same
    numbers. `on_progress` is called once for each batch and layer.
    """
    network.eval()
    intact = OutcomeSums()
    single = [OutcomeSums() for _ in network.config.highway_blocks]
    blocks = list(network.blocks)
    for rows, labels in rows_in_order(network, part):
        x, closed = network.prepare(rows), iter(single)
        for position, block in enumerate(blocks, start=1):
            if isinstance(block, HighwayLayer):
                next(closed).add(logits_of(network, x, blocks[position:]), labels)
                on_progress(len(labels))
            x = block(x)
        intact.add(logits_of(network, x, []), labels)
    outcomes = tuple(sums.outcome(intact) for sums in single)
    first, *others = _by_loss(outcomes)
    changes = {layer: single[layer].change_from(single[first]) for layer in others}
    return Lesions(
        intact=intact.outcome(intact),
        single=outcomes,
        ties=tuple(layer for layer, (low, high) in changes.items() if low <= 0 <= high),
    )


@torch.no_grad()
def joint_lesions(
    network: HighwayClassifier, part: Part, order: Sequence[int], on_progress: OnProgress
) -> tuple[Outcome, ...]:
    """Close the first k layers of `order`, positions from 0, together, for k from 0 to all.

    `on_progress` is called once for each batch and k.
    """
    network.eval()
    layers = [block for block in network.blocks if isinstance(block, HighwayLayer)]
    joint = [OutcomeSums() for _ in range(len(order) + 1)]
    for rows, labels in rows_in_order(network, part):
        x = network.prepare(rows)
        for count, sums in enumerate(joint):
            closed = {layers[layer] for layer in order[:count]}
            left = [block for block in network.blocks if block not in closed]
            sums.add(logits_of(network, x, left), labels)
            on_progress(len(labels))
    return tuple(sums.outcome(joint[0]) for sums in joint)


def _by_loss(outcomes: Sequence[Outcome]) -> tuple[int, ...]:
    return tuple(sorted(range(len(outcomes)), key=lambda layer: outcomes[layer].loss))


def logits_of(network: HighwayClassifier, x: Tensor, blocks: Iterable[nn.Module]) -> Tensor:
    """Return the logits of `x` after these blocks alone."""
    for block in blocks:
        x = block(x)
    logits: Tensor = network.output(x.flatten(1))
    return logits
