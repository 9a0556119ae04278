"""True frequencies of small p-values of a layer's test, by importance sampling.

A window's n rows fall into bins whose true shares are those between quantiles of m held-out rows.
These are Dirichlet distributed, so without drift the counts are Dirichlet-multinomial, with known
probabilities. Counts are drawn from a wider distribution, and weighted by the ratio of the two
probabilities.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from benchmarks.drift.results import Tail
from service.baselines import GATE_BINS
from service.drift.distances import chi_square_tail, pearson_and_likelihood, two_sample_statistic

P_VALUES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
HELD_OUT_ROWS = (110, 600, 6000)
ROWS = (110, 220, 1000, 10_000, 1_000_000)
DRAWS = 400_000
WIDER = 5.0  # times the variance


def tails(draws: int = DRAWS) -> list[Tail]:
    """Measure every pair of sizes."""
    random = np.random.default_rng(0)
    return [_tail(n, m, draws, random) for m in HELD_OUT_ROWS for n in ROWS]


def _tail(n: int, m: int, draws: int, random: np.random.Generator) -> Tail:
    true = m / GATE_BINS
    spread = WIDER * (1 + (n - 1) / (m + 1))
    wide = max(1.0, (n - 1) / (spread - 1) - 1) / GATE_BINS
    shares = np.concatenate(
        [random.dirichlet(np.full(GATE_BINS, a), draws // 2) for a in (true, wide)]
    )
    counts = random.multinomial(n, shares)
    weights = 2 / (1 + np.exp(_log_probability(counts, wide) - _log_probability(counts, true)))
    samples = counts.astype(float), np.full(counts.shape, true)
    smaller, pearson, likelihood = (
        [round(float((weights * (statistic >= critical(p))).mean()) / p, 3) for p in P_VALUES]
        for statistic in (two_sample_statistic(*samples), *pearson_and_likelihood(*samples))
    )
    return Tail(
        rows=n,
        held_out=m,
        p_values=list(P_VALUES),
        ratios=smaller,
        pearson=pearson,
        likelihood=likelihood,
    )


def _log_probability(counts: NDArray[np.int64], a: float) -> NDArray[np.float64]:
    """Return the logarithm of each count's probability, without terms that do not depend on a."""
    n = counts[0].sum()
    total = gammaln(GATE_BINS * a) - gammaln(n + GATE_BINS * a)
    return np.asarray(total + (gammaln(counts + a) - gammaln(a)).sum(axis=1))


def critical(p_value: float, degrees: int = GATE_BINS - 1) -> float:
    """Return the statistic that has this p-value, by bisection."""
    low, high = 0.0, 1000.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if chi_square_tail(middle, degrees) > p_value else (low, middle)
    return high
