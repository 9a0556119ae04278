"""A score's surprise: minus the logarithm of the share of normal rows whose score is as high.

It is fitted to the scores of normal rows as a line with knots at their quantiles,

    h(s) = Σ_j w_j · max(0, s − g_j),

which an ONNX graph computes in three operators, and goes on beyond the last knot as an exponential
tail does. On normal rows e^−h is uniform in (0, 1]: a p-value.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]

# Shares of normal rows above each knot, dense where p-values matter.
LEVELS = np.concatenate([[1.0], np.linspace(0.95, 0.15, 17), np.geomspace(0.1, 0.01, 6)])
KNOTS = len(LEVELS)
ROWS_ABOVE = 20  # normal rows that a knot needs above it
LEAST_STEP = 1e-6  # between knots; scores of gates that never move hardly differ
LEAST_SHARE = 1e-3  # of all that the knots span; across less, a rounding would decide the share


@dataclass(frozen=True, kw_only=True)
class Surprise:
    """Knots g and slopes w, both (KNOTS,)."""

    knots: Scores
    slopes: Scores

    def __call__(self, scores: Scores) -> Scores:
        """Return h of scores (rows,)."""
        return np.asarray(np.maximum(scores[:, None] - self.knots, 0) @ self.slopes)


def fit_surprise(scores: Scores) -> Surprise:
    """Fit to the scores (rows,) of normal rows, one at least; higher is less usual."""
    least = min(ROWS_ABOVE / len(scores), 1.0)
    levels = LEVELS[least <= LEVELS]
    knots = np.quantile(scores, 1 - levels)
    step = max(LEAST_STEP, LEAST_SHARE * (knots[-1] - knots[0]))
    kept = np.concatenate([[True], np.diff(knots) > step])
    knots, heights = knots[kept], -np.log(levels[kept])
    rises = np.diff(heights) / np.diff(knots)
    slopes = np.append(rises, _tail(scores, knots[-1]))
    bends = np.diff(slopes, prepend=0.0)
    padding = KNOTS - len(knots)
    return Surprise(
        knots=np.append(knots, np.full(padding, knots[-1])),
        slopes=np.append(bends, np.zeros(padding)),
    )


def _tail(scores: Scores, last: float) -> float:
    """Return the rate of the exponential beyond the last knot."""
    excess = scores[scores > last] - last
    return 1 / max(float(excess.mean()), LEAST_STEP) if len(excess) else 1.0
