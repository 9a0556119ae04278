"""What a network says of rows, and what its last layer is given."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from models.data.dataset import FloatRows, Part
from models.gates.record import gate_answers
from models.gates.unusualness import GateAnswers
from models.networks.network import HighwayClassifier


class Answers(NamedTuple):
    """logits (rows, classes), gate_units (rows, units), features (rows, what the output takes)."""

    logits: FloatRows
    gate_units: FloatRows
    features: FloatRows

    def gates(self, units: slice = slice(None)) -> GateAnswers:
        """Return what our statistics look at, of all units or of a layer's."""
        return GateAnswers(self.logits, np.ascontiguousarray(self.gate_units[:, units]))


def answered(network: HighwayClassifier, x: FloatRows) -> Answers:
    """Ask the network about rows (n, values), one at least."""
    features: list[FloatRows] = []
    hook = network.output.register_forward_pre_hook(
        lambda _, given: features.append(given[0].numpy())
    )
    answers = gate_answers(network, Part(x=x, y=np.zeros(len(x), np.int64)))
    hook.remove()
    return Answers(*answers, np.concatenate(features))


def layers(widths: Sequence[int]) -> list[slice]:
    """Return where each layer's units stand among all."""
    ends = np.cumsum(widths).tolist()
    return [slice(end - width, end) for end, width in zip(ends, widths, strict=True)]
