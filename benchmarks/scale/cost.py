"""Cost of requests, from prices that are inputs: no provider's offer is meant."""

from dataclasses import dataclass

BILLION = 1e9


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Per hour, in any currency; the defaults are round numbers of the usual order."""

    processor_hour: float = 0.04
    gigabyte_hour: float = 0.005


@dataclass(frozen=True, kw_only=True)
class Size:
    """Processors and gigabytes of memory that a replica reserves."""

    processors: float = 1.0
    gigabytes: float = 0.25


def hourly(size: Size, prices: Prices) -> float:
    """Return the cost of a replica for an hour."""
    return size.processors * prices.processor_hour + size.gigabytes * prices.gigabyte_hour


def per_billion(rate: float, size: Size, prices: Prices) -> float:
    """Return the cost of 10⁹ requests at a replica's mean rate in requests per second."""
    return BILLION / rate / 3600 * hourly(size, prices)
