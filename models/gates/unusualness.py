"""How unusual a row is, told by its gates and by its logits, as shares of normal rows.

Four scores, each higher where a row is less usual (choice and measurements: docs/unusual.md):

1. how far the gates are from those of the predicted label, along discriminant directions;
2. how far they are off in all other directions (`directions`);
3. the energy, minus the log-sum-exp of the logits;
4. the entropy of the probabilities.

Each becomes a surprise (`surprise`), and surprises add up as in Fisher's method: 1 and 2 for the
gates, 3 and 4 for the confidence, 1 to 3 for both. Every sum is calibrated once more, so that its
p-value is uniform on normal rows.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from models.data.dataset import FloatRows, Labels
from models.gates.directions import LEAST_GATE, Directions, Matrix, fit_directions
from models.gates.surprise import KNOTS, Surprise, fit_surprise

DISTANCE, OFF, ENTROPY, ENERGY = range(4)
SCORES = np.diag([1.0, 1.0, 1.0, -1.0])  # of the graph's parts; the last is the log-sum-exp
SUMS = ((DISTANCE, OFF), (ENERGY, ENTROPY), (DISTANCE, OFF, ENERGY))  # gates, confidence, both
FLOOR = (1e-12, 1e-12, 1e-7)  # before a logarithm is taken
LEAST_LOG_SHARE = float(np.log(1e-9))  # beyond it an extrapolated tail says nothing


class GateAnswers(NamedTuple):
    """What a network says of rows: logits (rows, classes), gate_units (rows, units)."""

    logits: FloatRows
    gate_units: FloatRows


class Unusualness(nn.Module):
    """Computes the shares of normal rows that look less usual; built by `fit_unusualness`."""

    weight: Tensor
    bias: Tensor
    to_means: Tensor
    means_square: Tensor
    adders: Tensor
    floor: Tensor
    score_bends: Tensor
    score_knots: Tensor
    score_slopes: Tensor
    sum_bends: Tensor
    sum_knots: Tensor
    sum_slopes: Tensor

    def __init__(self, units: int, classes: int, discriminant: int, sketch: int) -> None:
        super().__init__()
        width = discriminant + sketch
        for name, shape in {
            "weight": (width, units),  # as nn.Linear has it
            "bias": (width,),
            "to_means": (classes, width),  # −2 · means, nothing for the sketch
            "means_square": (classes,),
            "adders": (3, width + 2 * classes),  # which terms add up to which of the first parts
            "score_bends": (len(SCORES) * KNOTS, len(SCORES[0])),
            "score_knots": (len(SCORES) * KNOTS,),
            "score_slopes": (len(SUMS), len(SCORES) * KNOTS),
            "sum_bends": (len(SUMS) * KNOTS, len(SUMS)),
            "sum_knots": (len(SUMS) * KNOTS,),
            "sum_slopes": (len(SUMS), len(SUMS) * KNOTS),
        }.items():
            self.register_buffer(name, torch.zeros(shape))
        self.register_buffer("floor", torch.tensor(FLOOR), persistent=False)

    @classmethod
    def of(cls, numbers: Mapping[str, Tensor]) -> "Unusualness":
        """Build the module of its numbers by name; others are a `KeyError` or `RuntimeError`."""
        units, classes = numbers["weight"].shape[1], len(numbers["means_square"])
        discriminant = int(numbers["adders"][DISTANCE].sum()) - classes
        module = cls(units, classes, discriminant, len(numbers["bias"]) - discriminant)
        module.load_state_dict(dict(numbers))
        return module

    def forward(self, logits: Tensor, probabilities: Tensor, gate_units: Tensor) -> Tensor:
        """Return (rows, 3) shares in (0, 1]: by the gates, the confidence, and both."""
        linear = nn.functional.linear
        parts = self.parts(logits, probabilities, gate_units)
        bent = torch.relu(linear(parts, self.score_bends, self.score_knots))
        sums = linear(bent, self.score_slopes)
        bent = torch.relu(linear(sums, self.sum_bends, self.sum_knots))
        return torch.exp(linear(bent, self.sum_slopes).clamp(min=LEAST_LOG_SHARE))

    def parts(self, logits: Tensor, probabilities: Tensor, gate_units: Tensor) -> Tensor:
        """Return (rows, 4): the scores, of the energy its opposite, in few operators."""
        gates = gate_units.clamp(LEAST_GATE, 1 - LEAST_GATE)
        y = nn.functional.linear(torch.log(gates / (1 - gates)), self.weight, self.bias)
        to_means = nn.functional.linear(y, self.to_means, self.means_square)
        # The log-sum-exp, which softmax has done most of.
        whole = logits.amax(dim=1, keepdim=True) - probabilities.amax(dim=1, keepdim=True).log()
        # Weighted by probabilities rather than of the best label alone, so that nothing jumps
        # where two labels are equally likely.
        terms = [y * y, probabilities * to_means, probabilities * (whole - logits)]
        sums = nn.functional.linear(torch.cat(terms, dim=1), self.adders)
        return torch.cat([torch.log(torch.maximum(sums, self.floor)), whole], dim=1)

    @torch.no_grad()
    def calibrate(self, normal: GateAnswers) -> None:
        """Fit the surprises anew to rows that are normal and were not trained on."""
        scores = self.parts(*_tensors(normal)).double().numpy() @ SCORES.T
        surprises = [fit_surprise(column) for column in scores.T]
        told = np.stack([h(column) for h, column in zip(surprises, scores.T, strict=True)], axis=1)
        sums = [told[:, list(parts)].sum(axis=1) for parts in SUMS]
        self._write_knots("score", surprises, SCORES, _members(SUMS))
        self._write_knots(
            "sum", list(map(fit_surprise, sums)), np.eye(len(SUMS)), -np.eye(len(SUMS))
        )

    def _write_knots(
        self, name: str, surprises: Sequence[Surprise], scores: Matrix, sums: Matrix
    ) -> None:
        """Write surprises as two products around a ReLU.

        Each is of a row of `scores`, a sum of what comes in; each row of `sums` adds some of them.
        """
        knots = np.concatenate([surprise.knots for surprise in surprises])
        slopes = np.stack([surprise.slopes for surprise in surprises])
        numbers = {
            "bends": np.repeat(scores, KNOTS, axis=0),
            "knots": -knots,
            "slopes": (sums[:, :, None] * slopes).reshape(len(sums), -1),
        }
        for part, values in numbers.items():
            getattr(self, f"{name}_{part}").copy_(torch.from_numpy(values))


def fit_unusualness(
    trained: GateAnswers, labels: Labels, normal: GateAnswers, *, classes: int
) -> Unusualness:
    """Fit directions to training rows with their labels, and calibrate on `normal` rows."""
    directions = fit_directions(trained.gate_units, labels, classes)
    units, width = directions.weight.shape
    discriminant = directions.discriminant
    module = Unusualness(units, classes, discriminant, width - discriminant)
    _write_directions(module, directions)
    module.calibrate(normal)
    return module


def _write_directions(module: Unusualness, directions: Directions) -> None:
    discriminant, means = directions.discriminant, directions.means
    width, classes = len(directions.bias), len(means)
    module.weight.copy_(torch.from_numpy(directions.weight.T))
    module.bias.copy_(torch.from_numpy(directions.bias))
    module.to_means[:, :discriminant] = torch.from_numpy(-2 * means)
    module.means_square.copy_(torch.from_numpy((means**2).sum(axis=1)))
    module.adders[DISTANCE, :discriminant] = 1
    module.adders[OFF, discriminant:width] = 1
    module.adders[DISTANCE, width : width + classes] = 1
    module.adders[ENTROPY, width + classes :] = 1


def _members(sums: Sequence[tuple[int, ...]]) -> Matrix:
    """Return (sums, scores): 1 where a sum has a score."""
    return np.array([[float(score in parts) for score in range(len(SCORES))] for parts in sums])


def _tensors(answers: GateAnswers) -> tuple[Tensor, Tensor, Tensor]:
    logits = torch.from_numpy(answers.logits)
    return logits, torch.softmax(logits, dim=1), torch.from_numpy(answers.gate_units)
