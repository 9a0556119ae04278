"""Directions in the space of a network's gates along which unusual rows stand out.

A row's gates are taken as log-odds, for most gates are near 0 or 1. Whitened by how they vary
within the labels, their Euclidean distance is Mahalanobis's. Two small sets of directions tell it
nearly as well as all of them do, at a tenth of the numbers:

- the discriminant ones, along which the labels' means differ (Fisher's linear discriminants);
- a sketch of all others: random mixtures of them, in which those that hardly vary on normal rows
  weigh most, for that is where the unusual shows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import FloatRows, Labels

Matrix = NDArray[np.float64]

LEAST_GATE = 1e-4  # gates are taken from here to 1 minus this, so that log-odds are finite
SHRINKAGE = 1e-4  # added to every variance, in mean variances
MOST_DISCRIMINANT = 32
SKETCH = 32
SEED = 0
ALMOST_NOTHING = 1e-12  # keeps a network whose gates never move from dividing by zero


@dataclass(frozen=True, kw_only=True)
class Directions:
    """A linear map of log-odds, y = x · weight + bias, and where it sends the labels' means.

    weight: (units, discriminant + sketch); bias: (discriminant + sketch,); means: (labels,
    discriminant), where the first `discriminant` columns of y are.
    """

    weight: Matrix
    bias: Matrix
    means: Matrix

    @property
    def discriminant(self) -> int:
        """The number of discriminant directions; the others are the sketch."""
        return int(self.means.shape[1])


def log_odds(units: FloatRows) -> Matrix:
    """Return log(T / (1 − T)) of gates (rows, units)."""
    gates = np.clip(units.astype(np.float64), LEAST_GATE, 1 - LEAST_GATE)
    return np.asarray(np.log(gates / (1 - gates)))


def fit_directions(units: FloatRows, labels: Labels, classes: int) -> Directions:
    """Fit to the gates (rows, units) of training rows with their labels (rows,), from 0."""
    x = log_odds(units)
    own = np.eye(classes)[labels]  # (rows, classes)
    centre = x.mean(axis=0)
    rows = own.sum(axis=0)
    # As if each label had one more row, an average one: none is ever without.
    means = (own.T @ x + centre) / (rows[:, None] + 1)
    within = x - means[labels]
    variances, vectors = np.linalg.eigh(within.T @ within / len(x))  # rising
    floor = SHRINKAGE * variances.mean() + ALMOST_NOTHING
    white = vectors / np.sqrt(np.maximum(variances, 0) + floor)
    apart = (means - centre) @ white  # (classes, units)
    discriminant = _discriminant(apart, rows / len(x))
    sketch = _sketch(len(variances))
    sketch -= discriminant @ (discriminant.T @ sketch)
    weight = white @ np.hstack([discriminant, sketch])
    return Directions(weight=weight, bias=-centre @ weight, means=apart @ discriminant)


def _discriminant(apart: Matrix, shares: Matrix) -> Matrix:
    """Return (units, n): the main directions in which the means lie apart."""
    between = (apart * np.sqrt(shares)[:, None]).T
    left, _, _ = np.linalg.svd(between, full_matrices=False)
    return np.asarray(left[:, : min(len(apart) - 1, MOST_DISCRIMINANT)])


def _sketch(units: int) -> Matrix:
    """Return (units, n) orthonormal random directions, in which the first units weigh most."""
    random = np.random.default_rng(SEED).normal(size=(units, min(SKETCH, units)))
    tilt = 1 - np.arange(units) / units
    return np.asarray(np.linalg.qr(random * tilt[:, None])[0])
