"""Arrival times whose rate changes: a burst, or the curve of a day."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Offsets = NDArray[np.float64]  # seconds from the begin, ascending
Rate = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # seconds -> requests per second

DAY_SECONDS = 86_400.0


def poisson(rate: Rate, most: float, seconds: float, random: np.random.Generator) -> Offsets:
    """Return a Poisson process of changing rate, by thinning one of the constant rate `most`.

    Lewis and Shedler 1979. `rate` must not exceed `most`.
    """
    drawn = random.poisson(most * seconds)
    offsets = np.sort(random.uniform(0, seconds, drawn))
    kept = random.uniform(0, most, drawn) < rate(offsets)
    return np.asarray(offsets[kept])


def burst(base: float, factor: float, begin: float, end: float) -> Rate:
    """Return a rate of `base`, and of `factor` times that from `begin` to `end`."""

    def rate(at: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where((at >= begin) & (at < end), base * factor, base)

    return rate


def daily(mean: float, swing: float, day: float = DAY_SECONDS) -> Rate:
    """Return a sine of the time of day: lowest at its begin, `mean`·(1 ± `swing`)."""

    def rate(at: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(mean * (1 - swing * np.cos(2 * np.pi * at / day)))

    return rate
