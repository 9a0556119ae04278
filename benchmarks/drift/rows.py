"""Outputs of a network for many rows, and held-out rows drawn from them."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import rotate

from models.data.dataset import Dataset, FloatRows
from models.gates.record import held_out_rows
from models.gates.typicality import Typicality
from models.networks.network import HighwayClassifier, mean_gates, unit_gates
from service.contract import TYPICALITY_COLUMNS
from service.drift.baseline import HeldOut

BATCH = 1000


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Outputs of a network for rows, as drift detection uses them.

    labels: (rows,) predicted. gates: (rows, layers) mean gates. typicality: (rows,) combined, as
    the network computes it; only the order of the rows by it matters.
    """

    labels: NDArray[np.int64]
    gates: FloatRows
    typicality: FloatRows

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: NDArray[np.int64]) -> "Rows":
        """Return the rows at the indices."""
        return Rows(
            labels=self.labels[indices],
            gates=self.gates[indices],
            typicality=self.typicality[indices],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Baseline:
    """The held-out rows of a simulated artifact, and their typicality in rising order."""

    held_out: HeldOut
    typicality: FloatRows

    def p_values(self, rows: Rows) -> FloatRows:
        """Return (rows,): the share of held-out rows that are less typical than each row."""
        less_typical = np.searchsorted(self.typicality, rows.typicality)
        return np.asarray((less_typical + 1) / (len(self.typicality) + 1), np.float32)


@torch.no_grad()
def compute(network: HighwayClassifier, typicality: Typicality, x: FloatRows) -> Rows:
    """Compute the network's outputs for x (rows, features)."""
    network.eval()
    parts = [network(rows) for rows in torch.from_numpy(x).split(BATCH)]
    logits = torch.cat([logits for logits, _ in parts])
    units = [torch.cat([unit_gates(gate) for gate in gates], dim=1) for _, gates in parts]
    p_values = typicality(logits, logits.softmax(dim=1), torch.cat(units))
    return Rows(
        labels=logits.argmax(dim=1).numpy(),
        gates=torch.cat([mean_gates(gates) for _, gates in parts]).numpy(),
        typicality=p_values[:, TYPICALITY_COLUMNS.index("combined")].numpy(),
    )


def unseen(dataset: Dataset) -> FloatRows:
    """Return the validation and test rows, (rows, features)."""
    return np.concatenate([dataset.validation.x, dataset.test.x]).astype(np.float32)


def rotated(x: FloatRows, shape: tuple[int, ...], degrees: float) -> FloatRows:
    """Rotate images (rows, pixels) counter-clockwise about their centre."""
    images = rotate(x.reshape(-1, *shape), degrees, axes=(2, 1), reshape=False, order=1)
    return np.asarray(images.reshape(len(x), -1), np.float32)


def draw_baseline(rows: Rows, count: int, labels: int, random: np.random.Generator) -> Baseline:
    """Draw held-out rows with replacement, and count them as the exporter does."""
    chosen = rows.take(random.integers(len(rows), size=count))
    counted = held_out_rows(chosen.gates, chosen.labels, labels=labels, part="drawn")
    return Baseline(held_out=HeldOut.of(counted), typicality=np.sort(chosen.typicality))
