"""The project's own three signs, fitted as a finished training fits them."""

import numpy as np
import torch

from benchmarks.unusual.answers import Answers
from benchmarks.unusual.detectors import Scores
from models.data.dataset import Labels
from models.gates.record import MOST_ROWS
from models.gates.unusualness import GateAnswers, Unusualness, fit_unusualness

SIGNS = ("gates", "confidence", "both")  # the columns of the module's answer
GATES, _, BOTH = range(len(SIGNS))
ALL_UNITS = slice(None)


def fitted(
    trained: Answers, labels: Labels, normal: Answers, units: slice = ALL_UNITS
) -> Unusualness:
    """Fit to as many rows as `models.gates.record` takes, and to some units alone where told."""
    step = -(-len(labels) // MOST_ROWS)
    some = GateAnswers(*(part[::step] for part in trained.gates(units)))
    return fit_unusualness(
        some, labels[::step], normal.gates(units), classes=trained.logits.shape[1]
    )


@torch.no_grad()
def p_values(module: Unusualness, answers: GateAnswers) -> Scores:
    """Return (rows, 3) shares of normal rows that look less usual, in the order of `SIGNS`."""
    logits = torch.from_numpy(answers.logits)
    told = module(logits, torch.softmax(logits, dim=1), torch.from_numpy(answers.gate_units))
    return np.asarray(told.numpy(), np.float64)
