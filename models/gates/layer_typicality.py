"""Typicality of each layer: p-values of a single layer's gates among held-out rows.

The score of a layer is the squared distance of its gates to the means of the labels, weighted by
the predicted probabilities, along a few directions of that layer (`directions`): those that
separate the labels, and a sketch of the others. Its surprise is calibrated on held-out rows. The
form was chosen by measurements (docs/measurements/typicality.md).
"""

from collections.abc import Sequence
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn

from models.data.dataset import FloatRows, Labels
from models.gates.directions import (
    GATE_ROUNDING,
    Directions,
    Matrix,
    fit_directions,
    tensor_log_odds,
)
from models.gates.surprise import KNOTS, MIN_LOG_SHARE, fit_surprise

DISCRIMINANT, SKETCH = 9, 7  # directions of a layer
FLOOR = 0.1  # of a squared distance; below it are rounding errors
# Rounding errors that a score must change by to change its surprise by 1, at least.
SCORE_ERRORS = 2000.0


class LayerTypicality(nn.Module):
    """P-values of rows by the gates of each layer alone.

    All layers are computed at once: a layer with fewer units or `directions` than another one has
    further ones of weight 0.
    """

    places: Tensor
    weight: Tensor
    bias: Tensor
    to_means: Tensor
    means_square: Tensor
    floor: Tensor
    knots: Tensor
    slopes: Tensor

    def __init__(self, widths: Sequence[int], directions: int, classes: int) -> None:
        super().__init__()
        self.widths = tuple(widths)
        layers, widest = len(widths), max(widths)
        for name, shape in {
            "weight": (layers, widest, directions),
            "bias": (layers, 1, directions),
            "to_means": (layers, directions, classes),
            "means_square": (layers, 1, classes),
            "knots": (layers, 1, KNOTS),
            "slopes": (layers, KNOTS, 1),
        }.items():
            self.register_buffer(name, torch.zeros(shape))
        # The place of each layer's units among all units.
        starts = np.cumsum([0, *widths[:-1]])
        places = starts[:, None] + np.minimum(np.arange(widest), np.array(widths)[:, None] - 1)
        self.register_buffer("places", torch.from_numpy(places.flatten()), persistent=False)
        self.register_buffer("floor", torch.tensor(FLOOR), persistent=False)

    @classmethod
    def fit(
        cls, units: FloatRows, labels: Labels, *, classes: int, widths: Sequence[int]
    ) -> "LayerTypicality":
        """Fit directions to the gates (rows, units) of training rows with their label indices."""
        layers = [
            fit_directions(part, labels, classes, discriminant=DISCRIMINANT, sketch=SKETCH)
            for part in np.split(units, np.cumsum(widths)[:-1], axis=1)
        ]
        module = cls(widths, max(len(directions.bias) for directions in layers), classes)
        for layer, directions in enumerate(layers):
            module._write(layer, directions)
        return module

    def _write(self, layer: int, directions: Directions) -> None:
        columns, means = len(directions.bias), directions.means
        for target, values in (
            (self.weight[layer, : self.widths[layer], :columns], directions.weight),
            (self.bias[layer, 0, :columns], directions.bias),
            (self.to_means[layer, : directions.discriminant], -2 * means.T),
            (self.means_square[layer, 0], (means**2).sum(axis=1)),
        ):
            target.copy_(torch.from_numpy(values))

    def forward(self, probabilities: Tensor, gate_units: Tensor) -> Tensor:
        """Return p-values (rows, layers) in (0, 1]."""
        scores = self.scores(probabilities, gate_units).unsqueeze(2)  # (layers, rows, 1)
        surprise = torch.relu(scores - self.knots) @ self.slopes
        return torch.exp((-surprise).clamp(min=MIN_LOG_SHARE)).squeeze(2).T

    def scores(self, probabilities: Tensor, gate_units: Tensor) -> Tensor:
        """Return (layers, rows): logarithms of squared distances."""
        x = tensor_log_odds(gate_units).index_select(1, self.places)
        x = x.view(-1, len(self.widths), max(self.widths)).transpose(0, 1)
        y = x @ self.weight + self.bias  # (layers, rows, directions)
        to_means = y @ self.to_means + self.means_square  # (layers, rows, classes)
        distances = (y * y).sum(dim=2) + (probabilities * to_means).sum(dim=2)
        return torch.log(torch.maximum(distances, self.floor))

    @torch.no_grad()
    def calibrate(self, logits: FloatRows, gate_units: FloatRows) -> None:
        """Fit the surprises to normal rows, which the network was not trained on."""
        scores, errors = self._scores(logits, gate_units)
        for layer, row in enumerate(zip(scores, SCORE_ERRORS * errors, strict=True)):
            surprise = fit_surprise(*row)
            self.knots[layer, 0] = torch.from_numpy(surprise.knots)
            self.slopes[layer, :, 0] = torch.from_numpy(surprise.slopes)

    def _scores(self, logits: FloatRows, gate_units: FloatRows) -> tuple[Matrix, Matrix]:
        """Return scores (layers, rows) and the errors that float32 and rounded gates make."""
        random = np.random.default_rng(0)
        probabilities = torch.softmax(torch.from_numpy(logits).double(), dim=1)
        units = torch.from_numpy(gate_units)
        signs = torch.from_numpy(random.choice([-1.0, 1.0], gate_units.shape))
        double = deepcopy(self).double()
        scores = self.scores(probabilities.float(), units).double().numpy()
        exact = double.scores(probabilities, units.double()).numpy()
        moved = double.scores(probabilities, units.double() + GATE_ROUNDING * signs).numpy()
        errors = np.maximum(np.abs(scores - exact), np.abs(moved - exact))
        return scores, np.maximum(errors, np.finfo(np.float32).eps * np.abs(scores))
