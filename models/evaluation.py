"""Accuracy, loss and gate openness of a network on labelled rows."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.data.dataset import Part
from models.intervals import Interval, accuracy_interval
from models.networks.classifier import GatedClassifier
from models.networks.network import mean_gates

MAX_GATES = 1 << 25  # of a batch; a layer keeps three numbers for each, 0.4 GB in all


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Scores on `rows` rows: accuracy in [0, 1], mean cross-entropy in nats, gates in [0, 1]."""

    rows: int
    accuracy: float
    loss: float
    openness: tuple[float, ...]  # mean transform gate of each highway layer

    @property
    def mean_openness(self) -> float:
        """The mean over the highway layers; the network must have at least one."""
        return sum(self.openness) / len(self.openness)

    def accuracy_interval(self) -> Interval:
        """Return the 95 % confidence interval of the accuracy."""
        return accuracy_interval(self.accuracy, self.rows)


def rows_in_order(
    network: GatedClassifier, part: Part, *, batch_size: int = 1000
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches of the rows of `part` in order, with their labels, on the network's device.

    The network must be in evaluation mode. A batch has fewer rows if it had too many gates.
    """
    x, y = torch.from_numpy(part.x), torch.from_numpy(part.y)
    batch_size = min(batch_size, _most_rows(network, x[:1].to(network.device)))
    for rows, labels in zip(x.split(batch_size), y.split(batch_size), strict=True):
        yield rows.to(network.device), labels.to(network.device)


@torch.no_grad()
def _most_rows(network: GatedClassifier, row: Tensor) -> int:
    """Return how many rows have at most `MAX_GATES`, from the gates of one row (1, features)."""
    if all(layer.kind == "dense" for layer in network.gate_layers):
        return sys.maxsize  # only convolutions have gates at each position
    gates: list[Tensor] = network(row)[1]
    return max(1, MAX_GATES // max(1, sum(gate.numel() for gate in gates)))


@torch.no_grad()
def evaluate(
    network: GatedClassifier,
    part: Part,
    gate_scale: Tensor | None = None,
    *,
    class_weights: Tensor | None = None,
) -> Evaluation:
    """Score the network in evaluation mode on `part`, at least one row, and restore its mode.

    `gate_scale`, (1, layers), multiplies the gates of each layer; 0 closes the layer.
    `class_weights`, (classes,), multiply the rows' losses by their label.
    """
    was_training = network.training
    network.eval()
    layers = len(network.gate_layers)
    correct, loss, gate_sum = 0, 0.0, torch.zeros(layers, dtype=torch.float64)
    for x, y in rows_in_order(network, part):
        logits, gates = network(x, gate_scale)
        correct += int((logits.argmax(dim=1) == y).sum())
        loss += float(functional.cross_entropy(logits, y, weight=class_weights, reduction="sum"))
        if layers:
            gate_sum += mean_gates(gates).cpu().double().sum(dim=0)  # not every device has float64
    network.train(was_training)
    rows = len(part)
    return Evaluation(
        rows=rows,
        accuracy=correct / rows,
        loss=loss / rows,
        openness=tuple((gate_sum / rows).tolist()),
    )


def class_weights(part: Part, *, classes: int) -> Tensor:
    """Return weights of labels that give all labels of `part` the same sum, (classes,).

    They are n / (k·n_c) as in scikit-learn's `class_weight="balanced"`, with a mean of 1 over rows.
    """
    rows = np.bincount(part.y, minlength=classes)
    weights = len(part) / (classes * np.maximum(rows, 1))
    return torch.from_numpy(weights.astype(np.float32))


def merge(shares: list[Evaluation]) -> Evaluation:
    """Combine the scores of disjoint sets of rows into the scores of all rows."""
    rows = [share.rows for share in shares]
    scores = [(share.accuracy, share.loss, *share.openness) for share in shares]
    accuracy, loss, *openness = np.average(scores, axis=0, weights=rows).tolist()
    return Evaluation(rows=sum(rows), accuracy=accuracy, loss=loss, openness=tuple(openness))
