"""Typicality of a row: p-values of its gates and logits among held-out rows.

Four scores, each higher for a less typical row (choice and measurements: docs/typicality.md):

1. distance of the gates to the means of the predicted labels, along discriminant directions;
2. distance along all other directions (`directions`);
3. energy: minus the log-sum-exp of the logits;
4. entropy of the probabilities.

Each score becomes a surprise, minus the logarithm of the share of normal rows whose score is as
high. Surprises are added as in Fisher's method: 1 and 2 for the gates, 3 and 4 for the confidence,
1 to 3 for both combined. Each sum is calibrated once more, so that its p-value is uniform on normal
rows.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from models.data.dataset import FloatRows, Labels
from models.gates.directions import GATE_ROUNDING, MIN_GATE, Directions, Matrix, fit_directions

DISTANCE, RESIDUAL, ENTROPY, ENERGY = range(4)
SCORES = np.diag([1.0, 1.0, 1.0, -1.0])  # of the columns of `parts`; the last is the log-sum-exp
# The scores that are summed for gates, confidence and combined.
SUMS = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 1.0]])
FLOOR = (0.1, 0.1, 1e-7)  # lower bounds before the logarithm; below them are rounding errors
MIN_LOG_SHARE = float(np.log(1e-9))  # extrapolation of the tail ends here

# Shares of normal rows above each knot, dense where p-values matter.
LEVELS = np.concatenate([[1.0], np.linspace(0.95, 0.15, 17), np.geomspace(0.1, 0.01, 6)])
KNOTS = len(LEVELS)
ROWS_ABOVE = 20  # normal rows that a knot needs above it
# Rounding errors that a score or a sum must change by to change its surprise by 1, at least.
SCORE_ERRORS, SUM_ERRORS = 2000.0, 200.0
MIN_STEP = 1e-6  # where a score is computed without any rounding
LOGIT_ROUNDING = 2.0**-21  # error of a deep network's logits in float32, of a row's largest logit


class GateOutputs(NamedTuple):
    """Outputs of a network: logits (rows, classes), gate_units (rows, units)."""

    logits: FloatRows
    gate_units: FloatRows


@dataclass(frozen=True, kw_only=True)
class Surprise:
    """Surprise of a score: minus the logarithm of the share of normal rows with a higher one.

    A piecewise linear function with knots g at quantiles of the normal rows' scores,

        h(s) = Σ_j w_j · max(0, s − g_j),

    which an ONNX graph computes in three operators. Beyond the last knot, its slope is the rate of
    an exponential tail. On normal rows e^−h is uniform in (0, 1]: a p-value. Knots g and changes of
    the slope w are (KNOTS,).
    """

    knots: Matrix
    slopes: Matrix

    def __call__(self, scores: Matrix) -> Matrix:
        """Return h of scores (rows,)."""
        return np.asarray(np.maximum(scores[:, None] - self.knots, 0) @ self.slopes)


def fit_surprise(scores: Matrix, steps: Matrix) -> Surprise:
    """Fit to the scores (rows,) of normal rows, at least one row.

    Near a row, the surprise must not rise by more than 1 in a step (rows,) of the score, so that
    rounding does not decide it. Where that limits a line, the next lines are steeper.
    """
    order = np.argsort(scores)
    scores, steps = scores[order], np.maximum(steps[order], MIN_STEP)
    levels = LEVELS[min(ROWS_ABOVE / len(scores), 1.0) <= LEVELS]
    knots, quantiles = np.unique(np.quantile(scores, 1 - levels), return_index=True)
    first, after = np.searchsorted(scores, knots), np.searchsorted(scores, knots, "right")
    height, slopes = 0.0, [0.0]
    for knot, width in enumerate(np.diff(knots), start=1):
        step = steps[max(first[knot - 1] - 1, 0) : after[knot] + 1].max()
        rise = -np.log(levels[quantiles[knot]]) - height
        slopes.append(min(rise / width, 1 / step))
        height += slopes[-1] * width
    excess = scores[after[-1] :].mean() - knots[-1] if after[-1] < len(scores) else 1.0
    slopes.append(1 / max(excess, steps[after[-1] - 1 :].max()))
    padding = KNOTS - len(knots)
    return Surprise(
        knots=np.append(knots, np.full(padding, knots[-1])),
        slopes=np.append(np.diff(slopes), np.zeros(padding)),
    )


class Typicality(nn.Module):
    """P-values of rows by their gates, confidence and both combined; see `fit_typicality`."""

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

    def __init__(self, directions: Directions) -> None:
        super().__init__()
        means, discriminant = directions.means, directions.discriminant
        width, classes = len(directions.bias), len(means)
        adders = np.zeros((3, width + 2 * classes + 1))  # the terms of each of the first parts
        adders[DISTANCE, :discriminant] = adders[DISTANCE, width : width + classes] = 1
        adders[RESIDUAL, discriminant:width] = 1
        adders[ENTROPY, width + classes :] = [1.0] * classes + [-1.0]
        scores, sums = len(SCORES), len(SUMS)
        for name, values in {
            "weight": directions.weight.T,
            "bias": directions.bias,
            "to_means": np.pad(-2 * means, ((0, 0), (0, width - discriminant))),
            "means_square": (means**2).sum(axis=1),
            "adders": adders,
            "score_bends": np.zeros((scores * KNOTS, scores)),
            "score_knots": np.zeros(scores * KNOTS),
            "score_slopes": np.zeros((sums, scores * KNOTS)),
            "sum_bends": np.zeros((sums * KNOTS, sums)),
            "sum_knots": np.zeros(sums * KNOTS),
            "sum_slopes": np.zeros((sums, sums * KNOTS)),
        }.items():
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32).contiguous())
        self.register_buffer("floor", torch.tensor(FLOOR), persistent=False)

    @classmethod
    def of(cls, numbers: Mapping[str, Tensor]) -> "Typicality":
        """Build the module from its buffers; wrong ones raise `KeyError` or `RuntimeError`."""
        (width, units), classes = numbers["weight"].shape, len(numbers["means_square"])
        discriminant = int(numbers["adders"][DISTANCE].sum()) - classes
        weight, means = np.zeros((units, width)), np.zeros((classes, discriminant))
        module = cls(Directions(weight=weight, bias=np.zeros(width), means=means))
        module.load_state_dict(dict(numbers))
        return module

    def forward(self, logits: Tensor, probabilities: Tensor, gate_units: Tensor) -> Tensor:
        """Return p-values (rows, 3) in (0, 1]: of the gates, the confidence, and both combined."""
        linear = nn.functional.linear
        parts = self.parts(logits, probabilities, gate_units)
        bent = torch.relu(linear(parts, self.score_bends, self.score_knots))
        sums = linear(bent, self.score_slopes)
        bent = torch.relu(linear(sums, self.sum_bends, self.sum_knots))
        return torch.exp(linear(bent, self.sum_slopes).clamp(min=MIN_LOG_SHARE))

    def parts(self, logits: Tensor, probabilities: Tensor, gate_units: Tensor) -> Tensor:
        """Return (rows, 4): the first three scores and the log-sum-exp, in few operators."""
        gates = gate_units.clamp(MIN_GATE, 1 - MIN_GATE)
        y = nn.functional.linear(torch.log(gates / (1 - gates)), self.weight, self.bias)
        to_means = nn.functional.linear(y, self.to_means, self.means_square)
        best = logits.amax(dim=1, keepdim=True)
        log_share = probabilities.amax(dim=1, keepdim=True).log()  # of the most probable label
        # Distances are weighted by the probabilities: no jump where two labels are equally
        # probable. The entropy is Σ p · (best − logit) − log_share, because log-sum-exp − logit
        # loses its digits where a label is nearly certain.
        terms = [y * y, probabilities * to_means, probabilities * (best - logits), log_share]
        sums = nn.functional.linear(torch.cat(terms, dim=1), self.adders)
        return torch.cat([torch.log(torch.maximum(sums, self.floor)), best - log_share], dim=1)

    @torch.no_grad()
    def calibrate(self, normal: GateOutputs) -> None:
        """Fit the surprises to normal rows, which the network was not trained on."""
        scores, errors = self._scores(normal)
        surprises = _fit_columns(scores, SCORE_ERRORS * errors)
        values = _surprises(surprises, scores)
        changes = np.abs(_surprises(surprises, scores + errors) - values)
        self._write_knots("score", surprises, SCORES, SUMS)
        sums = _fit_columns(values @ SUMS.T, SUM_ERRORS * changes @ SUMS.T)
        self._write_knots("sum", sums, np.eye(len(SUMS)), -np.eye(len(SUMS)))

    def _scores(self, normal: GateOutputs) -> tuple[Matrix, Matrix]:
        """Return scores (rows, 4) and the errors that float32 makes in them.

        An error is the larger of two: that of this module, and the change of the scores if logits
        and gates are moved by the error that they have themselves.
        """
        random = np.random.default_rng(0)
        logits, units = (torch.from_numpy(part) for part in normal)
        largest = logits.abs().amax(dim=1, keepdim=True).clamp(min=1.0)
        signs = [torch.from_numpy(random.choice([-1.0, 1.0], part.shape)) for part in normal]
        exact = deepcopy(self).double()
        exact_scores, scores, moved = (
            module.parts(x, torch.softmax(x, dim=1), gates).double().numpy() @ SCORES
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

    def _write_knots(
        self, name: str, surprises: Sequence[Surprise], scores: Matrix, sums: Matrix
    ) -> None:
        """Write surprises as two products around a ReLU.

        Each takes a row of `scores`, a sum of the inputs; each row of `sums` adds some of them.
        """
        slopes = np.stack([surprise.slopes for surprise in surprises])
        for part, values in {
            "bends": np.repeat(scores, KNOTS, axis=0),
            "knots": -np.concatenate([surprise.knots for surprise in surprises]),
            "slopes": (sums[:, :, None] * slopes).reshape(len(sums), -1),
        }.items():
            self.get_buffer(f"{name}_{part}").copy_(torch.from_numpy(values))


def fit_typicality(
    trained: GateOutputs, labels: Labels, normal: GateOutputs, *, classes: int
) -> Typicality:
    """Fit directions to training rows with their labels, and calibrate on `normal` rows."""
    module = Typicality(fit_directions(trained.gate_units, labels, classes))
    module.calibrate(normal)
    return module


def _fit_columns(scores: Matrix, steps: Matrix) -> list[Surprise]:
    return [fit_surprise(*column) for column in zip(scores.T, steps.T, strict=True)]


def _surprises(functions: Sequence[Surprise], scores: Matrix) -> Matrix:
    return np.stack([h(column) for h, column in zip(functions, scores.T, strict=True)], axis=1)
