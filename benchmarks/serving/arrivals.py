"""When an open loop sends its requests, whatever became of those before."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Offsets = NDArray[np.float64]  # (requests,): seconds from the start, rising, each below the length
Random = np.random.Generator
Arrivals = Callable[[float, float, Random], Offsets]  # of requests a second, seconds, randomness

BURST_SHAPE = 0.25  # the gaps' deviation is twice their mean
ON_SHARE, PERIOD_SECONDS = 0.2, 0.5


def steady(rate: float, seconds: float, _random: Random) -> Offsets:
    """Send at equal distances."""
    return np.arange(round(rate * seconds)) / rate


def exponential(rate: float, seconds: float, random: Random) -> Offsets:
    """Send as many independent users do."""
    return _gamma(1.0, rate, seconds, random)


def gamma(rate: float, seconds: float, random: Random) -> Offsets:
    """Send in clumps: many short gaps, few long ones."""
    return _gamma(BURST_SHAPE, rate, seconds, random)


def on_off(rate: float, seconds: float, _random: Random) -> Offsets:
    """Send five times as fast in the first fifth of every half second, then nothing."""
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
    """Draw gaps of mean 1/rate until the time is over."""
    expected = rate * seconds
    spare = 10 * np.sqrt(expected / shape) + 10  # ten deviations: more gaps than can be needed
    gaps = random.gamma(shape, 1 / (rate * shape), int(expected + spare))
    offsets = np.cumsum(gaps)
    return offsets[offsets < seconds]
