"""Linear projection of a network's gates in which atypical rows stand out.

Gates are taken as log-odds, because most of them are near 0 or 1. After whitening by the covariance
within the labels, the squared Euclidean distance is the squared Mahalanobis distance. Two small
groups of directions approximate it with a tenth of the numbers:

- the discriminant directions, along which the labels' means differ (Fisher's linear discriminants);
- a random sketch of the remaining space, weighted towards directions with little variance on the
  training rows, because atypical rows deviate there most.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.data.dataset import FloatRows, Labels

Matrix = NDArray[np.float64]

MIN_GATE = 1e-4  # gates are clipped to [1e-4, 1 − 1e-4], which makes log-odds finite
MAX_LOG_ODDS = float(np.log((1 - MIN_GATE) / MIN_GATE))
# Error of any gate in onnxruntime's Sigmoid, root mean square. Near 0 torch is far more exact.
GATE_ROUNDING = 2.0**-25
RESOLUTION = 60.0  # rounding errors count as variance, multiplied by the square of this
SHRINKAGE = 1e-4  # added to every variance, in mean variances
MAX_DISCRIMINANT = 32
SKETCH = 32
SEED = 0
# Units with the largest variance, to which directions are fitted: the covariance of 50,000 units,
# of 1,000 layers, would need 20 GB.
MAX_UNITS = 5_000


@dataclass(frozen=True, kw_only=True)
class Directions:
    """The projection y = x · weight + bias of log-odds x, and the projected means of the labels.

    weight: (units, discriminant + sketch); bias: (discriminant + sketch,); means: (labels,
    discriminant), in the first columns of y.
    """

    weight: Matrix
    bias: Matrix
    means: Matrix

    @property
    def discriminant(self) -> int:
        """Number of discriminant directions; the other columns of y are the sketch."""
        return int(self.means.shape[1])


def log_odds(units: FloatRows) -> Matrix:
    """Return log(T / (1 − T)) of gates (rows, units)."""
    gates = np.clip(units.astype(np.float64), MIN_GATE, 1 - MIN_GATE)
    return np.asarray(np.log(gates / (1 - gates)))


def tensor_log_odds(gates: torch.Tensor) -> torch.Tensor:
    """Return log(T / (1 − T)) of gates, in torch's operators."""
    gates = gates.clamp(MIN_GATE, 1 - MIN_GATE)
    return torch.log(gates / (1 - gates))


def fit_directions(
    units: FloatRows,
    labels: Labels,
    classes: int,
    *,
    discriminant: int = MAX_DISCRIMINANT,
    sketch: int = SKETCH,
) -> Directions:
    """Fit to the gates (rows, units) of training rows with their label indices (rows,).

    There are at most `discriminant` directions that separate the labels, and `sketch` others.
    """
    chosen = _most_variable(units)
    x = log_odds(units[:, chosen])
    one_hot = np.eye(classes)[labels]  # (rows, classes)
    centre = x.mean(axis=0)
    rows = one_hot.sum(axis=0)
    # One average row is added to each label, so that a label without rows has a mean.
    means = (one_hot.T @ x + centre) / (rows[:, None] + 1)
    within = x - means[labels]
    covariance = within.T @ within / len(x) + np.diag(_rounding_variances(x))
    variances, vectors = np.linalg.eigh(covariance)  # rising
    white = vectors / np.sqrt(np.maximum(variances, 0) + SHRINKAGE * variances.mean())
    offsets = (means - centre) @ white  # (classes, units)
    separating = _discriminant(offsets, rows / len(x))[:, :discriminant]
    others = _sketch(len(variances), sketch)
    others -= separating @ (separating.T @ others)
    weight = white @ np.hstack([separating, others])
    of_all = np.zeros((units.shape[1], weight.shape[1]))
    of_all[chosen] = weight
    return Directions(weight=of_all, bias=-centre @ weight, means=offsets @ separating)


def _most_variable(units: FloatRows) -> NDArray[np.int64]:
    """Return the rising indices of at most `MAX_UNITS` units, those whose log-odds vary most."""
    count = units.shape[1]
    if count <= MAX_UNITS:
        return np.arange(count)
    parts = np.array_split(np.arange(count), -(-count // MAX_UNITS))  # log-odds are in float64
    variances = np.concatenate([log_odds(units[:, part]).var(axis=0) for part in parts])
    return np.sort(np.argsort(-variances, kind="stable")[:MAX_UNITS])


def _rounding_variances(x: Matrix) -> Matrix:
    """Return (units,): variances which, added to those of x, bound the rounding errors of y.

    The standard deviation of the rounding error is at most 1 / RESOLUTION along each direction.
    """
    errors = GATE_ROUNDING * (2 + 2 * np.cosh(x))  # times the derivative, 1 / (T (1 − T))
    return np.asarray(RESOLUTION**2 * (errors**2).mean(axis=0))


def _discriminant(offsets: Matrix, shares: Matrix) -> Matrix:
    """Return (units, n): the main directions in which the means differ."""
    between = (offsets * np.sqrt(shares)[:, None]).T
    left, _, _ = np.linalg.svd(between, full_matrices=False)
    return np.asarray(left[:, : len(offsets) - 1])


def _sketch(units: int, directions: int) -> Matrix:
    """Return (units, n): orthonormal random directions, weighted towards the first units."""
    random = np.random.default_rng(SEED).normal(size=(units, min(directions, units)))
    tilt = 1 - np.arange(units) / units
    return np.asarray(np.linalg.qr(random * tilt[:, None])[0])
