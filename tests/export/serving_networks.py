"""Networks with what tells how unusual a row is: of a run, or never trained."""

import numpy as np

from export.graph import ServedNetwork
from models.data.dataset import FloatRows, Part
from models.gates.record import gate_answers
from models.gates.unusualness import fit_unusualness
from models.networks.network import HighwayClassifier
from models.run import Run


def served_run(run: Run) -> ServedNetwork:
    return ServedNetwork(run.network(), run.unusualness())


def served(network: HighwayClassifier, rows: FloatRows | None = None) -> ServedNetwork:
    """Take `rows`, or sixty random ones, for all that is usual."""
    features, classes = network.config.features, network.config.classes
    if rows is None:
        rows = np.random.default_rng(0).random((60, features), np.float32)
    part = Part(x=rows, y=np.arange(len(rows)) % classes)
    answers = gate_answers(network, part)
    return ServedNetwork(network, fit_unusualness(answers, part.y, answers, classes=classes))
