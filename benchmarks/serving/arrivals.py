"""Arrival times of an open loop: when requests are sent, independent of the responses."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Offsets = NDArray[np.float64]  # (requests,): seconds from the start, ascending, below the duration
Random = np.random.Generator
# (requests per second, seconds, random generator) -> offsets
Arrivals = Callable[[float, float, Random], Offsets]

BURST_SHAPE = 0.25  # the standard deviation of the gaps is twice their mean
ON_SHARE, PERIOD_SECONDS = 0.2, 0.5


def steady(rate: float, seconds: float, _random: Random) -> Offsets:
    """Return equidistant times."""
    return np.arange(round(rate * seconds)) / rate


def exponential(rate: float, seconds: float, random: Random) -> Offsets:
    """Return times with exponential gaps, like those of many independent users."""
    return _gamma(1.0, rate, seconds, random)


def gamma(rate: float, seconds: float, random: Random) -> Offsets:
    """Return times in bursts: many short gaps and few long ones."""
    return _gamma(BURST_SHAPE, rate, seconds, random)


def on_off(rate: float, seconds: float, _random: Random) -> Offsets:
    """Return five times the rate in the first fifth of every half second, then none."""
    busy = steady(rate / ON_SHARE, seconds * ON_SHARE, _random)
    periods, within = np.divmod(busy, PERIOD_SECONDS * ON_SHARE)
    return np.asarray(periods * PERIOD_SECONDS + within)


ARRIVALS: dict[str, Arrivals] = {
    "steady": steady,
    "exponential": exponential,
    "gamma": gamma,
    "on and off": on_off,
}


def _gamma(shape: float, rate: float, seconds: float, random: Random) -> Offsets:
    """Draw gaps with the mean 1/rate up to the duration."""
    expected = rate * seconds
    spare = 10 * np.sqrt(expected / shape) + 10  # ten standard deviations more than expected
    gaps = random.gamma(shape, 1 / (rate * shape), int(expected + spare))
    offsets = np.cumsum(gaps)
    return offsets[offsets < seconds]
