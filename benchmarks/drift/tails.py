"""Whether small p-values of the gates' test are right: their true chance, by importance sampling.

A window's n rows fall into bins whose true shares are those between quantiles of m held-out rows,
which are Dirichlet distributed; so without drift the counts are Dirichlet-multinomial, with known
chances. Counts are drawn from one that spreads wider, and each is weighted with how much likelier
the true one makes it.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from benchmarks.drift.results import Tail
from service.drift.baseline import BINS
from service.drift.chi_square import survival
from service.drift.distances import difference, two_statistics

P_VALUES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
HELD_OUT_ROWS = (110, 600, 6000)
ROWS = (110, 220, 1000, 10_000, 1_000_000)
DRAWS = 400_000
WIDER = 5.0  # times the variance


def tails(draws: int = DRAWS) -> list[Tail]:
    """Measure every pair of sizes."""
    chance = np.random.default_rng(0)
    return [_tail(n, m, draws, chance) for m in HELD_OUT_ROWS for n in ROWS]


def _tail(n: int, m: int, draws: int, chance: np.random.Generator) -> Tail:
    true = m / BINS
    spread = WIDER * (1 + (n - 1) / (m + 1))
    wide = max(1.0, (n - 1) / (spread - 1) - 1) / BINS
    shares = np.concatenate([chance.dirichlet(np.full(BINS, a), draws // 2) for a in (true, wide)])
    counts = chance.multinomial(n, shares)
    weights = 2 / (1 + np.exp(_log_chance(counts, wide) - _log_chance(counts, true)))
    samples = counts.astype(float), np.full(counts.shape, true)
    smaller, pearson, likelihood = (
        [round(float((weights * (each >= critical(p))).mean()) / p, 3) for p in P_VALUES]
        for each in (difference(*samples), *two_statistics(*samples))
    )
    return Tail(
        rows=n,
        held_out=m,
        p_values=list(P_VALUES),
        ratios=smaller,
        pearson=pearson,
        likelihood=likelihood,
    )


def _log_chance(counts: NDArray[np.int64], a: float) -> NDArray[np.float64]:
    """Return the logarithm of each count's chance, but for what does not depend on a."""
    n = counts[0].sum()
    whole = gammaln(BINS * a) - gammaln(n + BINS * a)
    return np.asarray(whole + (gammaln(counts + a) - gammaln(a)).sum(axis=1))


def critical(p_value: float, degrees: int = BINS - 1) -> float:
    """Return the statistic that has this p-value, by bisection."""
    low, high = 0.0, 1000.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if survival(middle, degrees) > p_value else (low, middle)
    return high
