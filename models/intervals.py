"""95 % confidence intervals of accuracies, and of the difference of two accuracies."""

from math import sqrt

from scipy.stats import binomtest

Interval = tuple[float, float]

Z = 1.96  # the standard normal distribution's 97.5 % quantile


def accuracy_interval(accuracy: float, rows: int) -> Interval:
    """Return Wilson's interval of an accuracy on `rows` rows, at least one."""
    interval = binomtest(round(accuracy * rows), rows).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def change_interval(gained: int, lost: int, rows: int) -> Interval:
    """Return the interval of a change of accuracy, measured on the same `rows` rows.

    `gained` rows are right only after the change, `lost` rows only before it. Rows that stay right
    or wrong carry no information, so the interval is narrower than that of two separate samples
    (Agresti and Min 2005: half a row is added to each of the four counts).
    """
    size = rows + 2
    change = (gained - lost) / size
    spread = sqrt((gained + lost + 1) / size - change**2) / sqrt(size)
    return max(-1.0, change - Z * spread), min(1.0, change + Z * spread)
