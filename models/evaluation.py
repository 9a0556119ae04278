"""How well a network labels rows it is given, and how open its gates are meanwhile."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import binomtest
from torch import Tensor
from torch.nn import functional

from models.data.dataset import Part
from models.networks.network import HighwayClassifier, mean_gates


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Scores over `rows` rows: accuracy in [0, 1], mean cross-entropy in nats, gates in [0, 1]."""

    rows: int
    accuracy: float
    loss: float
    openness: tuple[float, ...]  # mean transform gate of each highway layer

    @property
    def mean_openness(self) -> float:
        """The mean over the highway layers, of which there must be one."""
        return sum(self.openness) / len(self.openness)

    def accuracy_interval(self) -> tuple[float, float]:
        """Return Wilson's 95 % interval of the accuracy."""
        right = round(self.accuracy * self.rows)
        interval = binomtest(right, self.rows).proportion_ci(method="wilson")
        return float(interval.low), float(interval.high)


def rows_in_order(
    network: HighwayClassifier, part: Part, *, batch_size: int = 1000
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the rows of `part` once, as they stand, where the network is."""
    x, y = torch.from_numpy(part.x), torch.from_numpy(part.y)
    for rows, labels in zip(x.split(batch_size), y.split(batch_size), strict=True):
        yield rows.to(network.device), labels.to(network.device)


@torch.no_grad()
def evaluate(
    network: HighwayClassifier, part: Part, gate_scale: Tensor | None = None
) -> Evaluation:
    """Label every row of `part`, one at least, in evaluation mode, and restore the mode.

    `gate_scale`, (1, layers), multiplies each layer's gates; 0 closes the layer.
    """
    was_training = network.training
    network.eval()
    layers = len(network.config.highway_blocks)
    right, loss, opened = 0, 0.0, torch.zeros(layers, dtype=torch.float64)
    for x, y in rows_in_order(network, part):
        logits, gates = network(x, gate_scale)
        right += int((logits.argmax(dim=1) == y).sum())
        loss += float(functional.cross_entropy(logits, y, reduction="sum"))
        if layers:
            opened += mean_gates(gates).cpu().double().sum(dim=0)  # not every device has float64
    network.train(was_training)
    rows = len(part)
    return Evaluation(
        rows=rows,
        accuracy=right / rows,
        loss=loss / rows,
        openness=tuple((opened / rows).tolist()),
    )


def merge(shares: list[Evaluation]) -> Evaluation:
    """Combine the scores of shares of the rows into those of all of them."""
    rows = np.array([share.rows for share in shares])

    def mean(values: list[float]) -> float:
        return float(np.average(values, weights=rows))

    return Evaluation(
        rows=int(rows.sum()),
        accuracy=mean([share.accuracy for share in shares]),
        loss=mean([share.loss for share in shares]),
        openness=tuple(
            mean(list(layer)) for layer in zip(*(s.openness for s in shares), strict=True)
        ),
    )
