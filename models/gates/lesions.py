"""What is lost when layers are closed, so that they hand their input on (section 4.2, Fig. 4).

The paper closes one layer at a time. Here the least useful ones are also closed together: layers
that can be missed one by one cannot always be missed at once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.data.dataset import Part
from models.evaluation import rows_in_order
from models.gates.statistics import Step
from models.networks.layers import HighwayLayer
from models.networks.network import HighwayClassifier


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a network still can: accuracy in [0, 1], mean cross-entropy in nats."""

    accuracy: float
    loss: float


@dataclass(frozen=True, kw_only=True)
class Lesions:
    """The intact network, and the same with one highway layer closed, for each of them in turn."""

    intact: Outcome
    single: tuple[Outcome, ...]

    def least_useful_first(self) -> tuple[int, ...]:
        """Return the layers' positions, from 0, by the loss that closing each alone brings."""
        return tuple(sorted(range(len(self.single)), key=lambda layer: self.single[layer].loss))


class _Tally:
    """Adds batches up exactly as `evaluate` does, so that their outcomes can be compared."""

    def __init__(self) -> None:
        self.right, self.loss = 0, 0.0

    def add(self, logits: Tensor, labels: Tensor) -> None:
        self.right += int((logits.argmax(dim=1) == labels).sum())
        self.loss += float(functional.cross_entropy(logits, labels, reduction="sum"))

    def outcome(self, rows: int) -> Outcome:
        return Outcome(accuracy=self.right / rows, loss=self.loss / rows)


@torch.no_grad()
def single_lesions(network: HighwayClassifier, part: Part, step: Step) -> Lesions:
    """Close each highway layer in turn and label the rows of `part`, one at least.

    A closed layer's input goes straight to the blocks after it, so what comes before is computed
    once for all lesions: half the work of closing gates by `gate_scale`, and the same numbers.
    `step` is told of the rows of every batch, once for each layer.
    """
    network.eval()
    intact = _Tally()
    single = [_Tally() for _ in network.config.highway_blocks]
    blocks = list(network.blocks)
    for rows, labels in rows_in_order(network, part):
        x, closed = network.prepared(rows), iter(single)
        for position, block in enumerate(blocks, start=1):
            if isinstance(block, HighwayLayer):
                next(closed).add(logits_of(network, x, blocks[position:]), labels)
                step(len(labels))
            x = _output(block, x)
        intact.add(logits_of(network, x, []), labels)
    return Lesions(
        intact=intact.outcome(len(part)),
        single=tuple(tally.outcome(len(part)) for tally in single),
    )


@torch.no_grad()
def joint_lesions(
    network: HighwayClassifier, part: Part, order: Sequence[int], step: Step
) -> tuple[Outcome, ...]:
    """Close the first k layers of `order`, positions from 0, together, for k from 0 to all.

    `step` is told of the rows of every batch, once for each k.
    """
    network.eval()
    layers = [block for block in network.blocks if isinstance(block, HighwayLayer)]
    joint = [_Tally() for _ in range(len(order) + 1)]
    for rows, labels in rows_in_order(network, part):
        x = network.prepared(rows)
        for count, tally in enumerate(joint):
            closed = {layers[layer] for layer in order[:count]}
            left = [block for block in network.blocks if block not in closed]
            tally.add(logits_of(network, x, left), labels)
            step(len(labels))
    return tuple(tally.outcome(len(part)) for tally in joint)


def logits_of(network: HighwayClassifier, x: Tensor, blocks: Iterable[nn.Module]) -> Tensor:
    """Return the logits when `x` goes through these blocks alone."""
    for block in blocks:
        x = _output(block, x)
    logits: Tensor = network.output(x.flatten(1))
    return logits


def _output(block: nn.Module, x: Tensor) -> Tensor:
    output: Tensor = block(x)[0] if isinstance(block, HighwayLayer) else block(x)
    return output
