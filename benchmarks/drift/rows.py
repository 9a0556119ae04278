"""Rows as the network answers them, and held-out rows drawn from them."""

import json
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import rotate

from models.data.dataset import Dataset, FloatRows
from models.gates.held_out import held_out
from models.gates.unusualness import Unusualness
from models.networks.network import HighwayClassifier, mean_gates, unit_gates
from service.contract import UNUSUAL_BY, Input, Layer, Metadata
from service.drift.baseline import HeldOut, read_held_out

BATCH = 1000


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """What a network says of rows.

    labels: (rows,) predicted. gates: (rows, layers) mean ones. usual: (rows,), higher where the
    gates and the confidence together are more usual.
    """

    labels: NDArray[np.int64]
    gates: FloatRows
    usual: FloatRows

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.labels)

    def take(self, rows: NDArray[np.int64]) -> "Answers":
        """Return some of the rows, perhaps some twice."""
        return Answers(labels=self.labels[rows], gates=self.gates[rows], usual=self.usual[rows])


@dataclass(frozen=True, kw_only=True, eq=False)
class Tried:
    """What a server would know of its model: held-out rows, and how usual each is, in order."""

    held_out: HeldOut
    usual: FloatRows

    def unusual(self, answers: Answers) -> FloatRows:
        """Return each row's share of held-out rows that look less usual, itself among them."""
        less = np.searchsorted(self.usual, answers.usual)
        return np.asarray((less + 1) / (len(self.usual) + 1), np.float32)


@torch.no_grad()
def answered(network: HighwayClassifier, unusualness: Unusualness, x: FloatRows) -> Answers:
    """Ask the network about rows (n, features)."""
    network.eval()
    parts = [network(rows) for rows in torch.from_numpy(x).split(BATCH)]
    logits = torch.cat([answer for answer, _ in parts])
    units = [torch.cat([unit_gates(gate) for gate in gates], dim=1) for _, gates in parts]
    shares = unusualness(logits, logits.softmax(dim=1), torch.cat(units))
    return Answers(
        labels=logits.argmax(dim=1).numpy(),
        gates=torch.cat([mean_gates(gates) for _, gates in parts]).numpy(),
        usual=shares[:, UNUSUAL_BY.index("both")].numpy(),
    )


def unseen(dataset: Dataset) -> FloatRows:
    """Return the rows that the network was not trained on."""
    return np.concatenate([dataset.validation.x, dataset.test.x]).astype(np.float32)


def turned(x: FloatRows, shape: tuple[int, ...], degrees: float) -> FloatRows:
    """Turn images (rows, pixels) about their middle."""
    images = x.reshape(-1, *shape)
    found = rotate(images, degrees, axes=(2, 1), reshape=False, order=1)
    return np.asarray(found.reshape(len(x), -1), np.float32)


def drawn(answers: Answers, rows: int, labels: int, chance: np.random.Generator) -> Tried:
    """Draw held-out rows, with replacement, and count them as the exporter and the server do."""
    chosen = answers.take(chance.integers(len(answers), size=rows))
    told = held_out(chosen.gates, chosen.labels, labels=labels, part="drawn")
    baseline = read_held_out(_metadata(json.loads(json.dumps(asdict(told))), labels))
    assert baseline is not None
    return Tried(held_out=baseline, usual=np.sort(chosen.usual))


def _metadata(told: dict[str, object], labels: int) -> Metadata:
    layers = len(told["edges"][0])  # type: ignore[index]
    return Metadata(
        name="drift",
        version="1",
        labels=tuple(map(str, range(labels))),
        layers=tuple(Layer(name="", kind="dense", width=1, number=n) for n in range(layers)),
        input=Input(kind="image", shape=(1, 1), unit=""),
        training={},
        gate_baseline={"held_out": told},
        verification={},
    )
