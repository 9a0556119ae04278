"""All that is kept of a finished network's gates."""

from dataclasses import dataclass

import numpy as np
import torch

from models.data.dataset import Dataset, FloatRows, Part
from models.evaluation import rows_in_order
from models.gates.baseline import GateBaseline, gate_baseline
from models.gates.held_out import held_out
from models.gates.unusualness import GateAnswers, Unusualness, fit_unusualness
from models.networks.network import HighwayClassifier, unit_gates

LEAST_NORMAL = 100  # rows of the validation that tell what is normal; below, training rows do
MOST_ROWS = 20_000  # of each part; more would sharpen nothing


@dataclass(frozen=True, kw_only=True)
class GateRecord:
    """The gates in numbers, and what tells how unusual a row's are."""

    baseline: GateBaseline
    unusualness: Unusualness


def record_gates(network: HighwayClassifier, dataset: Dataset) -> GateRecord:
    """Measure the gates of a network that has some, in evaluation mode."""
    widths = [block.width for block in network.config.highway_blocks]
    fitted, (normal, name) = _fitted_rows(dataset), normal_rows(dataset)
    trained, usual = gate_answers(network, fitted), gate_answers(network, normal)
    classes = len(dataset.labels)
    record = held_out(
        openness(usual.gate_units, widths),
        usual.logits.argmax(axis=1),
        labels=classes,
        part=name,
    )
    return GateRecord(
        baseline=gate_baseline(network, dataset, record),
        unusualness=fit_unusualness(trained, fitted.y, usual, classes=classes),
    )


@torch.no_grad()
def gate_answers(network: HighwayClassifier, part: Part) -> GateAnswers:
    """Return the logits and every gate of each row."""
    network.eval()
    logits, units = [], []
    for x, _ in rows_in_order(network, part):
        answer, gates = network(x)
        logits.append(answer.cpu().numpy())
        units.append(torch.cat([unit_gates(gate) for gate in gates], dim=1).cpu().numpy())
    return GateAnswers(np.concatenate(logits), np.concatenate(units))


def openness(units: FloatRows, widths: list[int]) -> FloatRows:
    """Return the mean transform gate of each layer, (rows, layers), of gates (rows, units)."""
    layers = np.split(units, np.cumsum(widths)[:-1], axis=1)
    return np.stack([layer.mean(axis=1) for layer in layers], axis=1)


def normal_rows(dataset: Dataset) -> tuple[Part, str]:
    """Return the rows that stand for normal ones, and which part of the data they are of."""
    if _enough_held_out(dataset):
        return _some(dataset.validation), "validation"
    train = _some(dataset.train)
    return train.take(slice(min(1, len(train) - 1), None, 2)), "train"


def _fitted_rows(dataset: Dataset) -> Part:
    # Rows that were fitted to look too usual to be the measure of others: half of them are spared.
    return _some(dataset.train).take(slice(0, None, 1 if _enough_held_out(dataset) else 2))


def _enough_held_out(dataset: Dataset) -> bool:
    return len(dataset.validation) >= LEAST_NORMAL


def _some(part: Part) -> Part:
    return part.take(slice(0, None, -(-len(part) // MOST_ROWS)))
