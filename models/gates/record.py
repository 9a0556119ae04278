"""Record of a finished network's gates: statistics, bins of held-out rows, and typicality."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.data.dataset import Dataset, FloatRows, Part
from models.data.usual_values import usual_values
from models.evaluation import rows_in_order
from models.gates.typicality import GateOutputs, Typicality, fit_typicality
from models.networks.classifier import GatedClassifier
from models.networks.network import mean_gates, unit_gates
from service.baselines import GATE_BINS, USUAL, HeldOutRows, InputBaseline

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
DECIMALS = 6  # more would exceed float32's precision of a mean gate
MIN_NORMAL_ROWS = 100  # validation rows to calibrate on; with fewer, training rows are used
MAX_ROWS = 20_000  # of each part; more do not improve the fit
MAX_GATES = 10**8  # of each part: rows × units; a network of 1,000 layers gets fewer rows
MIN_LABEL_ROWS = 10 * GATE_BINS  # of a label, for bins of its own; with fewer, bins of all rows
# Added to a quantile, so that a constant gate falls on one side of it on every machine.
MARGIN = 1e-5


@dataclass(frozen=True, kw_only=True)
class GateStatistics:
    """Mean gates of a group of rows: one number for each layer, in [0, 1].

    `quantiles` has one such tuple for each of the baseline's `levels`.
    """

    rows: int
    mean: tuple[float, ...]
    spread: tuple[float, ...]  # standard deviation
    quantiles: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, kw_only=True)
class GateBaseline:
    """Gate statistics over all training rows and over those of each label; held-out rows.

    With too few validation rows, the held-out rows are every second training row.
    """

    levels: tuple[float, ...]
    overall: GateStatistics
    by_label: dict[str, GateStatistics]
    held_out: HeldOutRows
    inputs: InputBaseline


@dataclass(frozen=True, kw_only=True)
class GateRecord:
    """Gate statistics of a network and its fitted typicality."""

    baseline: GateBaseline
    typicality: Typicality


def record_gates(network: GatedClassifier, dataset: Dataset) -> GateRecord:
    """Measure the gates of a network with highway layers, in evaluation mode."""
    widths = [layer.width for layer in network.gate_layers]
    fitted, (held_out, part) = _fitted_rows(dataset), normal_rows(dataset)
    most = max(1, MAX_GATES // sum(widths))
    fitted, held_out = _thinned(fitted, most), _thinned(held_out, most)
    trained, normal = gate_outputs(network, fitted), gate_outputs(network, held_out)
    gates, predicted = openness(normal.gate_units, widths), normal.logits.argmax(axis=1)
    classes = len(dataset.labels)
    counted = held_out_rows(gates, predicted, labels=classes, part=part)
    return GateRecord(
        baseline=gate_baseline(network, dataset, counted),
        typicality=fit_typicality(trained, fitted.y, normal, classes=classes, widths=widths),
    )


def gate_baseline(
    network: GatedClassifier, dataset: Dataset, held_out: HeldOutRows
) -> GateBaseline:
    """Measure the network's gates on the training rows."""
    gates = layer_openness(network, dataset.train)
    by_label = {
        label: _statistics(gates[dataset.train.y == index])
        for index, label in enumerate(dataset.labels)
    }
    return GateBaseline(
        levels=QUANTILES,
        overall=_statistics(gates),
        by_label=by_label,
        held_out=held_out,
        inputs=usual_values(dataset.input, _thinned(dataset.train).x),
    )


@torch.no_grad()
def layer_openness(network: GatedClassifier, part: Part) -> FloatRows:
    """Return the mean transform gate of each layer for each row, (rows, layers)."""
    network.eval()
    means = [mean_gates(network(x)[1]) for x, _ in rows_in_order(network, part)]
    return torch.cat(means).cpu().numpy()


@torch.no_grad()
def gate_outputs(network: GatedClassifier, part: Part) -> GateOutputs:
    """Return the logits and every gate of each row."""
    network.eval()
    logits, units = [], []
    for x, _ in rows_in_order(network, part):
        output, gates = network(x)
        logits.append(output.cpu().numpy())
        units.append(torch.cat([unit_gates(gate) for gate in gates], dim=1).cpu().numpy())
    return GateOutputs(np.concatenate(logits), np.concatenate(units))


def openness(units: FloatRows, widths: list[int]) -> FloatRows:
    """Return the mean transform gate of each layer, (rows, layers), of gates (rows, units)."""
    layers = np.split(units, np.cumsum(widths)[:-1], axis=1)
    return np.stack([layer.mean(axis=1) for layer in layers], axis=1)


def rounded(values: np.ndarray) -> tuple[float, ...]:
    """Return the numbers (n,) rounded for a file."""
    return tuple(np.round(values, DECIMALS).tolist())


def held_out_rows(
    gates: FloatRows, predicted: NDArray[np.int64], *, labels: int, part: str
) -> HeldOutRows:
    """Bin mean gates (rows, layers) by predicted label (rows,); `ValueError` without rows."""
    if not len(gates):
        raise ValueError("held-out rows: at least one row is needed")
    groups = [gates[predicted == label] for label in range(labels)]
    enough = [group if len(group) >= MIN_LABEL_ROWS else gates for group in groups]
    edges = [_edges(group) for group in enough]
    counts = [_counts(*pair) for pair in zip(groups, edges, strict=True)]
    return HeldOutRows(
        rows=len(gates),
        part=part,
        predicted=[len(group) for group in groups],
        # As float64, which has shorter decimals than the float32 nearest to them.
        edges=[np.round(bounds.astype(np.float64), DECIMALS).tolist() for bounds in edges],
        counts=[count.tolist() for count in counts],
        usual=[_usual(group) for group in enough],
    )


def normal_rows(dataset: Dataset) -> tuple[Part, str]:
    """Return the rows that typicality is calibrated on, and the name of their part of the data."""
    if _enough_held_out(dataset):
        return _thinned(dataset.validation), "validation"
    train = _thinned(dataset.train)
    return train.take(slice(min(1, len(train) - 1), None, 2)), "train"


def _fitted_rows(dataset: Dataset) -> Part:
    # Rows that directions were fitted to look too typical to calibrate on, so half are left out.
    return _thinned(dataset.train).take(slice(0, None, 1 if _enough_held_out(dataset) else 2))


def _enough_held_out(dataset: Dataset) -> bool:
    return len(dataset.validation) >= MIN_NORMAL_ROWS


def _thinned(part: Part, most: int = MAX_ROWS) -> Part:
    """Return at most so many rows, evenly spaced."""
    return part.take(slice(0, None, max(1, -(-len(part) // most))))


def _statistics(gates: FloatRows) -> GateStatistics:
    gates = gates.astype(np.float64)  # float32 sums of many rows lose digits
    return GateStatistics(
        rows=len(gates),
        mean=rounded(gates.mean(axis=0)),
        spread=rounded(gates.std(axis=0)),
        quantiles=tuple(rounded(row) for row in np.quantile(gates, QUANTILES, axis=0)),
    )


def _edges(gates: FloatRows) -> FloatRows:
    """Return (layers, GATE_BINS − 1), rounded to the decimals and float32 of the artifact."""
    levels = np.arange(1, GATE_BINS) / GATE_BINS
    quantiles = np.quantile(gates.astype(np.float64), levels, axis=0).T + MARGIN
    return np.round(quantiles, DECIMALS).astype(np.float32)


def _usual(gates: FloatRows) -> list[list[float]]:
    """Return (layers, 2): the `USUAL` quantiles."""
    quantiles = np.quantile(gates.astype(np.float64), USUAL, axis=0).T
    usual: list[list[float]] = np.round(quantiles, DECIMALS).tolist()
    return usual


def _counts(gates: FloatRows, edges: FloatRows) -> NDArray[np.int64]:
    """Return (layers, GATE_BINS)."""
    bins = (gates[:, :, None] > edges).sum(axis=2)
    return np.stack([np.bincount(layer, minlength=GATE_BINS) for layer in bins.T])
