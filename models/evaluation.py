"""How well a network labels rows it is given, and how open its gates are meanwhile."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from models.batches import batches_in_order
from models.data.dataset import Part
from models.network import HighwayClassifier, mean_gates

NORMAL_95 = 1.959964  # two-sided 95 % of a normal distribution, in standard deviations


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Scores over `rows` rows: accuracy in [0, 1], mean cross-entropy in nats, gates in [0, 1]."""

    rows: int
    accuracy: float
    loss: float
    openness: tuple[float, ...]  # mean transform gate of each highway layer

    def accuracy_interval(self) -> tuple[float, float]:
        """Return Wilson's 95 % interval of the accuracy (Wilson 1927)."""
        z2 = NORMAL_95**2
        centre = (self.accuracy + z2 / (2 * self.rows)) / (1 + z2 / self.rows)
        variance = self.accuracy * (1 - self.accuracy) / self.rows + z2 / (4 * self.rows**2)
        half = NORMAL_95 * math.sqrt(variance) / (1 + z2 / self.rows)
        return centre - half, centre + half


@torch.no_grad()
def evaluate(network: HighwayClassifier, part: Part) -> Evaluation:
    """Label every row of `part`, in evaluation mode, and restore the network's mode."""
    was_training = network.training
    network.eval()
    right, loss, opened = 0, 0.0, torch.zeros(len(network.config.highway_blocks))
    for x, y in batches_in_order(part):
        logits, gates = network(x)
        right += int((logits.argmax(dim=1) == y).sum())
        loss += float(functional.cross_entropy(logits, y, reduction="sum"))
        opened += mean_gates(gates).sum(dim=0)
    network.train(was_training)
    rows = len(part)
    openness = tuple((opened / rows).tolist())
    return Evaluation(rows=rows, accuracy=right / rows, loss=loss / rows, openness=openness)


@torch.no_grad()
def layer_openness(network: HighwayClassifier, part: Part) -> Tensor:
    """Return the mean transform gate of each layer for each row, (rows, layers)."""
    network.eval()
    return torch.cat([mean_gates(network(x)[1]) for x, _ in batches_in_order(part)])
