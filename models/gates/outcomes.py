"""Outcomes of a changed network, compared with the intact network on the same rows."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from models.intervals import Interval, change_interval


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Accuracy in [0, 1] and mean cross-entropy in nats.

    `change` is the 95 % interval of the accuracy minus the intact network's, on the same rows.
    """

    accuracy: float
    loss: float
    change: Interval = (0.0, 0.0)


class OutcomeSums:
    """Sums over batches in the order of `evaluate`, so that outcomes are exactly comparable."""

    def __init__(self) -> None:
        self.batches: list[Tensor] = []  # whether each row is right
        self.loss = 0.0

    def add(self, logits: Tensor, labels: Tensor) -> None:
        """Add a batch: logits (batch, classes) and labels (batch,)."""
        self.batches.append((logits.argmax(dim=1) == labels).cpu())
        self.loss += float(functional.cross_entropy(logits, labels, reduction="sum"))

    def outcome(self, intact: "OutcomeSums") -> Outcome:
        """Return the outcome of all batches, at least one row."""
        right = torch.cat(self.batches)
        return Outcome(
            accuracy=int(right.sum()) / len(right),
            loss=self.loss / len(right),
            change=(0.0, 0.0) if self is intact else self.change_from(intact),
        )

    def change_from(self, other: "OutcomeSums") -> Interval:
        """Return the interval of this accuracy minus the other's."""
        right, before = torch.cat(self.batches), torch.cat(other.batches)
        gained, lost = int((right & ~before).sum()), int((before & ~right).sum())
        return change_interval(gained, lost, len(right))
