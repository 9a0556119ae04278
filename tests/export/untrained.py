"""Networks that were not trained, with a typicality module."""

import numpy as np

from export.graph import ServedNetwork
from models.data.dataset import FloatRows, Part
from models.gates.record import gate_outputs
from models.gates.typicality import fit_typicality
from models.networks.classifier import GatedClassifier


def served(network: GatedClassifier, rows: FloatRows | None = None) -> ServedNetwork:
    """Fit typicality to `rows`, or to sixty random ones, of arbitrary labels."""
    features, classes = network.features, network.classes
    if rows is None:
        rows = np.random.default_rng(0).random((60, features), np.float32)
    part = Part(x=rows, y=np.arange(len(rows)) % classes)
    outputs = gate_outputs(network, part)
    widths = [layer.width for layer in network.gate_layers]
    return ServedNetwork(
        network, fit_typicality(outputs, part.y, outputs, classes=classes, widths=widths)
    )
