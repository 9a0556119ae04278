"""Surprise of a score: minus the logarithm of the share of normal rows with a higher one."""

from dataclasses import dataclass

import numpy as np

from models.gates.directions import Matrix

# Shares of normal rows above each knot, dense where p-values matter.
LEVELS = np.concatenate([[1.0], np.linspace(0.95, 0.15, 17), np.geomspace(0.1, 0.01, 6)])
KNOTS = len(LEVELS)
ROWS_ABOVE = 20  # normal rows that a knot needs above it
MIN_STEP = 1e-6  # where a score is computed without any rounding
MIN_LOG_SHARE = float(np.log(1e-9))  # extrapolation of the tail ends here


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
