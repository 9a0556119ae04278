"""How well scores tell unusual rows from normal ones, and how uniform p-values are."""

import numpy as np
from scipy.stats import kstest
from sklearn.metrics import roc_auc_score

from benchmarks.unusual.detectors import Scores
from benchmarks.unusual.results import Uniform

SHARES = (0.05, 0.01, 0.001)
LEVELS = np.geomspace(1e-4, 1.0, 81)  # shares of rows, for the pictures
DIGITS = 6


def auroc(normal: Scores, unusual: Scores) -> float:
    """Return the chance that an unusual row scores higher than a normal one; a tie is half."""
    kind = np.repeat([0, 1], [len(normal), len(unusual)])
    return round(float(roc_auc_score(kind, np.concatenate([normal, unusual]))), DIGITS)


def share_below(p_values: Scores, bound: float) -> float:
    """Return the share of rows whose p-value is below the bound."""
    return round(float((p_values < bound).mean()), DIGITS)


def uniformity(p_values: Scores) -> Uniform:
    """Measure the p-values (rows,) of normal rows."""
    return Uniform(
        distance=round(float(kstest(p_values, "uniform").statistic), DIGITS),
        shares=[share_below(p_values, share) for share in SHARES],
        quantiles=[float(f"{p:.4g}") for p in np.quantile(p_values, LEVELS)],
    )
