"""Typicality of a row: p-values of its gates and logits among held-out rows.

Four scores, each higher for a less typical row (choice and measurements: docs/typicality.md):

1. distance of the gates to the means of the predicted labels, along discriminant directions;
2. distance along all other directions (`directions`);
3. energy: minus the log-sum-exp of the logits;
4. entropy of the probabilities.

Each score becomes a surprise, minus the logarithm of the share of normal rows whose score is as
high. Surprises are added as in Fisher's method: 1 and 2 for the gates, 3 and 4 for the confidence,
1 to 3 for both combined. Each sum is calibrated once more, so that its p-value is uniform on normal
rows. `layer_typicality` does the same with single layers.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from models.data.dataset import FloatRows, Labels
from models.gates.directions import (
    GATE_ROUNDING,
    MAX_LOG_ODDS,
    Directions,
    Matrix,
    fit_directions,
    tensor_log_odds,
)
from models.gates.layer_typicality import LayerTypicality
from models.gates.surprise import KNOTS, MIN_LOG_SHARE, Surprise, fit_surprise

DISTANCE, RESIDUAL, ENTROPY, ENERGY = range(4)
LOGARITHMS = 3  # columns of `parts` that are logarithms of sums
# The scores that are summed for gates, confidence and combined.
SUMS = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 1.0]])
FLOOR = (0.1, 0.1, 1e-7)  # lower bounds before the logarithm; below them are rounding errors
MIN_PROBABILITY = 1e-30  # of a label, before the logarithm

# Rounding errors that a score or a sum must change by to change its surprise by 1, at least.
SCORE_ERRORS, SUM_ERRORS = 2000.0, 200.0
LOGIT_ROUNDING = 2.0**-21  # error of a deep network's logits in float32, of a row's largest logit
LAYERS = "layers"  # the submodule of the layers' typicality


class GateOutputs(NamedTuple):
    """Outputs of a network: logits (rows, classes), gate_units (rows, units)."""

    logits: FloatRows
    gate_units: FloatRows


class Typicality(nn.Module):
    """P-values of rows by their gates, confidence and both combined; see `fit_typicality`.

    `layers` computes those of single layers.
    """

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

    def __init__(self, directions: Directions, layers: LayerTypicality) -> None:
        super().__init__()
        self.layers = layers
        means, discriminant = directions.means, directions.discriminant
        width, classes = len(directions.bias), len(means)
        adders = np.zeros((3, width + 2 * classes))  # the terms of each of the first parts
        adders[DISTANCE, :discriminant] = adders[DISTANCE, width : width + classes] = 1
        adders[RESIDUAL, discriminant:width] = 1
        adders[ENTROPY, width + classes :] = -1
        sums, scores = SUMS.shape
        # A surprise is two products around a ReLU: s − g for every knot g, and w times that.
        for name, values in {
            "weight": directions.weight.T,
            "bias": directions.bias,
            "to_means": np.pad(-2 * means, ((0, 0), (0, width - discriminant))),
            "means_square": (means**2).sum(axis=1),
            "adders": adders,
            "score_bends": np.repeat(scores_of_parts(classes), KNOTS, axis=0),
            "score_knots": np.zeros(scores * KNOTS),
            "score_slopes": np.zeros((sums, scores * KNOTS)),
            "sum_bends": np.repeat(np.eye(sums), KNOTS, axis=0),
            "sum_knots": np.zeros(sums * KNOTS),
            "sum_slopes": np.zeros((sums, sums * KNOTS)),
        }.items():
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32).contiguous())
        self.register_buffer("floor", torch.tensor(FLOOR), persistent=False)

    @classmethod
    def of(cls, numbers: Mapping[str, Tensor], widths: Sequence[int]) -> "Typicality":
        """Build the module for layers of these widths from its buffers.

        Wrong buffers raise `KeyError`, `ValueError` or `RuntimeError`.
        """
        (width, units), classes = numbers["weight"].shape, len(numbers["means_square"])
        if units != sum(widths):
            raise ValueError(f"expected the directions of {sum(widths)} units, found {units}")
        discriminant = int(numbers["adders"][DISTANCE].sum()) - classes
        weight, means = np.zeros((units, width)), np.zeros((classes, discriminant))
        layers = LayerTypicality(widths, *numbers[f"{LAYERS}.to_means"].shape[1:])
        module = cls(Directions(weight=weight, bias=np.zeros(width), means=means), layers)
        module.load_state_dict(dict(numbers))
        return module

    def forward(self, logits: Tensor, probabilities: Tensor, log_odds: Tensor) -> Tensor:
        """Return p-values (rows, 3) in (0, 1]: of the gates, the confidence, and both combined.

        `log_odds` are those of the gates, (rows, units).
        """
        linear = nn.functional.linear
        parts = self.parts(logits, probabilities, log_odds)
        bent = torch.relu(linear(parts, self.score_bends, self.score_knots))
        sums = linear(bent, self.score_slopes)
        bent = torch.relu(linear(sums, self.sum_bends, self.sum_knots))
        return torch.exp(linear(bent, self.sum_slopes).clamp(min=MIN_LOG_SHARE))

    def parts(self, logits: Tensor, probabilities: Tensor, log_odds: Tensor) -> Tensor:
        """Return the columns whose sums are the scores, in few operators: (rows, 3 + 2 · classes).

        They are the first three scores and the terms of the log-sum-exp.
        """
        x = log_odds.clamp(-MAX_LOG_ODDS, MAX_LOG_ODDS)
        y = nn.functional.linear(x, self.weight, self.bias)
        to_means = nn.functional.linear(y, self.to_means, self.means_square)
        # Distances are weighted by the probabilities: no jump where two labels are equally
        # probable. The entropy is a sum of p · log p, because the log-sum-exp minus a logit loses
        # its digits where a label is nearly certain.
        entropies = probabilities * probabilities.clamp(min=MIN_PROBABILITY).log()
        terms = torch.cat([y * y, probabilities * to_means, entropies], dim=1)
        sums = torch.maximum(nn.functional.linear(terms, self.adders), self.floor)
        # The log-sum-exp is a mean: Σ p · (logit − log p).
        return torch.cat([torch.log(sums), probabilities * logits, entropies], dim=1)

    @torch.no_grad()
    def calibrate(self, normal: GateOutputs) -> None:
        """Fit the surprises to normal rows, which the network was not trained on."""
        scores, errors = self._scores(normal)
        surprises = _fit_columns(scores, SCORE_ERRORS * errors)
        values = _surprises(surprises, scores)
        changes = np.abs(_surprises(surprises, scores + errors) - values)
        sums = _fit_columns(values @ SUMS.T, SUM_ERRORS * changes @ SUMS.T)
        knots, slopes = _numbers(surprises)
        sum_knots, sum_slopes = _numbers(sums)
        for name, values in {
            "score_knots": -knots.flatten(),
            "score_slopes": (SUMS[:, :, None] * slopes).reshape(len(SUMS), -1),
            "sum_knots": -sum_knots.flatten(),
            "sum_slopes": -(np.eye(len(SUMS))[:, :, None] * sum_slopes).reshape(len(SUMS), -1),
        }.items():
            self.get_buffer(name).copy_(torch.from_numpy(values))
        self.layers.calibrate(*normal)

    def _scores(self, normal: GateOutputs) -> tuple[Matrix, Matrix]:
        """Return scores (rows, 4) and the errors that float32 makes in them.

        An error is the larger of two: that of this module, and the change of the scores if logits
        and gates are moved by the error that they have themselves.
        """
        random = np.random.default_rng(0)
        logits, units = (torch.from_numpy(part) for part in normal)
        largest = logits.abs().amax(dim=1, keepdim=True).clamp(min=1.0)
        signs = [torch.from_numpy(random.choice([-1.0, 1.0], part.shape)) for part in normal]
        exact, columns = deepcopy(self).double(), scores_of_parts(logits.shape[1]).T
        exact_scores, scores, moved = (
            module.parts(x, torch.softmax(x, dim=1), tensor_log_odds(gates)).double().numpy()
            @ columns
            for module, x, gates in (
                (exact, logits.double(), units.double()),
                (self, logits, units),
                (
                    exact,
                    logits + LOGIT_ROUNDING * largest * signs[0],
                    units + GATE_ROUNDING * signs[1],
                ),
            )
        )
        errors = np.maximum(np.abs(scores - exact_scores), np.abs(moved - exact_scores))
        return scores, np.maximum(errors, np.finfo(np.float32).eps * np.abs(scores))


def fit_typicality(
    trained: GateOutputs,
    labels: Labels,
    normal: GateOutputs,
    *,
    classes: int,
    widths: Sequence[int],
) -> Typicality:
    """Fit directions to training rows with their labels, and calibrate on `normal` rows.

    `widths` are the numbers of units of the layers.
    """
    module = Typicality(
        fit_directions(trained.gate_units, labels, classes),
        LayerTypicality.fit(trained.gate_units, labels, classes=classes, widths=widths),
    )
    module.calibrate(normal)
    return module


def scores_of_parts(classes: int) -> Matrix:
    """Return (4, columns of `parts`): the energy is minus the mean of logits plus Σ p · log p."""
    scores = np.zeros((len(SUMS.T), LOGARITHMS + 2 * classes))
    scores[:LOGARITHMS, :LOGARITHMS] = np.eye(LOGARITHMS)
    scores[ENERGY, LOGARITHMS:] = [-1.0] * classes + [1.0] * classes
    return scores


def _fit_columns(scores: Matrix, steps: Matrix) -> list[Surprise]:
    return [fit_surprise(*column) for column in zip(scores.T, steps.T, strict=True)]


def _surprises(functions: Sequence[Surprise], scores: Matrix) -> Matrix:
    return np.stack([h(column) for h, column in zip(functions, scores.T, strict=True)], axis=1)


def _numbers(functions: Sequence[Surprise]) -> tuple[Matrix, Matrix]:
    """Return knots and slopes, (functions, KNOTS) each."""
    return np.stack([h.knots for h in functions]), np.stack([h.slopes for h in functions])
