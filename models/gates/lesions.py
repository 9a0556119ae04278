"""Lesions: accuracy and loss of a network with highway layers closed (section 4.2, Fig. 4).

A closed layer carries its input unchanged. The paper closes one layer at a time. Here the least
useful layers are also closed together, because layers that are dispensable one by one are not
always dispensable together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.data.dataset import Part
from models.evaluation import rows_in_order
from models.networks.layers import HighwayLayer
from models.networks.network import HighwayClassifier
from models.progress import OnProgress


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Accuracy in [0, 1] and mean cross-entropy in nats."""

    accuracy: float
    loss: float


@dataclass(frozen=True, kw_only=True)
class Lesions:
    """Outcomes of the intact network, and with each highway layer closed in turn."""

    intact: Outcome
    single: tuple[Outcome, ...]

    def least_useful_first(self) -> tuple[int, ...]:
        """Return the layers' positions, from 0, by the loss with that layer closed."""
        return tuple(sorted(range(len(self.single)), key=lambda layer: self.single[layer].loss))


class _Sums:
    """Sums over batches in the order of `evaluate`, so that outcomes are exactly comparable."""

    def __init__(self) -> None:
        self.right, self.loss = 0, 0.0

    def add(self, logits: Tensor, labels: Tensor) -> None:
        self.right += int((logits.argmax(dim=1) == labels).sum())
        self.loss += float(functional.cross_entropy(logits, labels, reduction="sum"))

    def outcome(self, rows: int) -> Outcome:
        return Outcome(accuracy=self.right / rows, loss=self.loss / rows)


@torch.no_grad()
def single_lesions(network: HighwayClassifier, part: Part, on_progress: OnProgress) -> Lesions:
    """Classify the rows of `part`, at least one, with each highway layer closed in turn.

    A closed layer's input goes straight to the blocks after it, so the blocks before it are
    computed once for all lesions: half the work of closing gates by `gate_scale`, and the same
    numbers. `on_progress` is called once for each batch and layer.
    """
    network.eval()
    intact = _Sums()
    single = [_Sums() for _ in network.config.highway_blocks]
    blocks = list(network.blocks)
    for rows, labels in rows_in_order(network, part):
        x, closed = network.prepare(rows), iter(single)
        for position, block in enumerate(blocks, start=1):
            if isinstance(block, HighwayLayer):
                next(closed).add(logits_of(network, x, blocks[position:]), labels)
                on_progress(len(labels))
            x = _output(block, x)
        intact.add(logits_of(network, x, []), labels)
    return Lesions(
        intact=intact.outcome(len(part)),
        single=tuple(sums.outcome(len(part)) for sums in single),
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
    joint = [_Sums() for _ in range(len(order) + 1)]
    for rows, labels in rows_in_order(network, part):
        x = network.prepare(rows)
        for count, sums in enumerate(joint):
            closed = {layers[layer] for layer in order[:count]}
            left = [block for block in network.blocks if block not in closed]
            sums.add(logits_of(network, x, left), labels)
            on_progress(len(labels))
    return tuple(sums.outcome(len(part)) for sums in joint)


def logits_of(network: HighwayClassifier, x: Tensor, blocks: Iterable[nn.Module]) -> Tensor:
    """Return the logits of `x` after these blocks alone."""
    for block in blocks:
        x = _output(block, x)
    logits: Tensor = network.output(x.flatten(1))
    return logits


def _output(block: nn.Module, x: Tensor) -> Tensor:
    output: Tensor = block(x)[0] if isinstance(block, HighwayLayer) else block(x)
    return output
