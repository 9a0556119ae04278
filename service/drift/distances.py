"""Distances between a window and the held-out rows, and tests with a p-value.

Both are samples: no test treats the held-out rows as the true distribution, so a window of millions
of rows is not significant because of the sampling error of a few thousand held-out rows.
"""

from math import erfc, exp, lgamma, log, sqrt

import numpy as np
from numpy.typing import NDArray

from service.baselines import GATE_BINS
from service.drift.baseline import HeldOut, IntArray
from service.drift.windows import WindowCounts

Counts = NDArray[np.float64] | IntArray

LEAST_EXPECTED = 5.0  # rows of a label in the smaller sample; rarer labels are merged
TAIL_TERMS = 100_000  # terms of a tail that are added up; a bound replaces the others


def population_stability(observed: Counts, expected: Counts) -> NDArray[np.float64]:
    """Return the population stability index, Σ (p − q)·ln(p/q) over the last axis.

    Half a row is added to each count. Without drift it is about
    (bins − 1) · (1/rows + 1/held-out rows).
    """
    p, q = _shares(observed), _shares(expected)
    return np.asarray(((p - q) * np.log(p / q)).sum(axis=-1))


def two_sample_statistic(one: Counts, other: Counts) -> NDArray[np.float64]:
    """Return a two-sample chi-square statistic over the last axis, of bins − 1 degrees.

    It is the smaller of `pearson_and_likelihood`. In the far tail either can be too large by
    chance: Pearson's if few rows are expected in a bin or one sample is much larger, the other if
    few rows are expected in every bin.
    """
    return np.maximum(0, np.minimum(*pearson_and_likelihood(one, other)))


def pearson_and_likelihood(
    one: Counts, other: Counts
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Pearson's and the likelihood-ratio statistic of two samples."""
    n, m = one.sum(axis=-1, keepdims=True), other.sum(axis=-1, keepdims=True)
    pooled = (one + other) / (n + m)
    pearson, likelihood = np.zeros(one.shape[:-1]), np.zeros(one.shape[:-1])
    for counts, rows in ((one, n), (other, m)):
        expected = np.maximum(rows * pooled, np.finfo(float).tiny)  # 0 if both bins are empty
        pearson += ((counts - expected) ** 2 / expected).sum(axis=-1)
        logs = np.log(np.where(counts > 0, counts, expected) / expected)
        likelihood += 2 * (counts * logs).sum(axis=-1)
    return pearson, likelihood


def expected_gates(counts: WindowCounts, held_out: HeldOut) -> tuple[Counts, Counts]:
    """Return rows by layer and bin, (layers, GATE_BINS): observed, and expected from held-out rows.

    Each label's held-out rows are weighted by its rows in the window, so that other shares of the
    labels change no layer. The expected rows are scaled to the effective sample size of the
    weights. Labels without held-out rows are left out of both.
    """
    known = held_out.predicted > 0
    rows, held = counts.labels[known].astype(float), held_out.predicted[known]
    weights = rows / held
    expected = np.einsum("c,clb->lb", weights, held_out.counts[known].astype(float))
    squares = (rows * weights).sum()
    scale = rows.sum() / squares if squares else 0.0
    return counts.counts[known].sum(axis=0), expected * scale


def layer_p_values(observed: Counts, expected: Counts) -> list[float]:
    """Return each layer's p-value: the probability of bins that differ as much by chance."""
    if not observed.any():
        return [1.0] * len(observed)
    statistics = two_sample_statistic(observed, expected).tolist()
    return [chi_square_tail(value, GATE_BINS - 1) for value in statistics]


def label_p_value(labels: Counts, predicted: Counts) -> float:
    """Return the labels' p-value: the probability that their shares differ as much by chance."""
    both = np.stack([labels, predicted]).astype(float)
    smaller = min(both.sum(axis=1))
    rare = both.sum(axis=0) * smaller / both.sum() < LEAST_EXPECTED
    merged = np.column_stack([both[:, ~rare], both[:, rare].sum(axis=1)])
    bins = int((merged.sum(axis=0) > 0).sum())
    return chi_square_tail(float(two_sample_statistic(merged[0], merged[1])), bins - 1)


def excess_p_value(count: int, rows: int, share: float, held_out_rows: int) -> float:
    """Return the probability of `count` or more of `rows`, if a share of held-out rows counts.

    The share of all rows beyond a quantile of the held-out rows is itself random, with a beta
    distribution, so the count is beta-binomial. Exact if the tail has at most `TAIL_TERMS` terms
    that matter, an upper bound otherwise. 1 if the count is no more than expected.
    """
    if count <= share * rows:
        return 1.0
    a, b = share * held_out_rows, (1 - share) * held_out_rows
    choices = lgamma(rows + 1) - lgamma(count + 1) - lgamma(rows - count + 1)
    first = choices + _log_beta(count + a, rows - count + b) - _log_beta(a, b)
    k = np.arange(count, min(rows, count + TAIL_TERMS), dtype=float)
    ratios = (rows - k) * (k + a) / ((k + 1) * (rows - k - 1 + b))
    terms = np.concatenate([[1.0], np.exp(np.cumsum(np.log(ratios)))])
    rest = 0.0
    if count + TAIL_TERMS < rows and ratios[-1] < 1:
        rest = terms[-1] * ratios[-1] / (1 - ratios[-1])
    return min(1.0, exp(first + log(terms.sum() + rest)))


def chi_square_tail(value: float, degrees: int) -> float:
    """Return the probability of more than `value` (≥ 0) with integer `degrees` (≥ 0) of freedom.

    The finite sums of Abramowitz and Stegun, 26.4.4 and 26.4.5. Terms are computed as logarithms,
    so that probabilities keep their digits down to 1e-300.
    """
    half = value / 2
    if degrees == 0 or half == 0:
        return 1.0
    tail = erfc(sqrt(half)) if degrees % 2 else 0.0
    powers = (degrees % 2 / 2 + step for step in range(degrees // 2))
    terms = (exp(power * log(half) - half - lgamma(power + 1)) for power in powers)
    return min(1.0, tail + sum(terms))


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _shares(counts: Counts) -> NDArray[np.float64]:
    bins = counts.shape[-1]
    return np.asarray((counts + 0.5) / (counts.sum(axis=-1, keepdims=True) + bins / 2))
