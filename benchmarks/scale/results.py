"""Runs every extrapolation once; tables and pictures read the results."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace

from benchmarks.scale.cluster import PROCESSOR, QUEUE
from benchmarks.scale.service_times import ServiceTimes
from benchmarks.scale.studies import (
    FACTORS,
    P99_MS,
    TARGETS,
    Burst,
    Point,
    burst_study,
    capacity,
    highest_rate,
    steady,
)

STUDIED = "convolutional, binary, 32 rows"
SHARES = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0, 1.1, 1.3)
NUMBERS = (1, 4)  # of replicas
DEFAULT = "processor 70 % and queue 50 ms"
BOTH = {PROCESSOR: 0.7, QUEUE: 0.05}
TARGET_FACTOR = 3


@dataclass(frozen=True, kw_only=True)
class Results:
    """Results by kind of request, number of replicas, or metric of the autoscaler."""

    times: Mapping[str, ServiceTimes]
    capacities: Mapping[str, float]
    rates: Mapping[str, Mapping[float, float]]  # highest rate by limit of p99 in ms
    loads: Mapping[int, list[Point]]  # of the studied kind, by replicas
    bursts: list[Burst]
    targets: list[Burst]
    retries: list[Burst]


def simulate_all(times: Mapping[str, ServiceTimes]) -> Results:
    """Simulate; takes a few minutes."""
    # The fastest start is the one that other programs have delayed least.
    studied = replace(times[STUDIED], start_s=min(each.start_s for each in times.values()))
    capacities = {name: capacity(each) for name, each in times.items()}
    rates: dict[str, dict[float, float]] = {}
    for name, each in times.items():
        rates[name] = {limit: highest_rate(each, limit) for limit in P99_MS}
        _progress(f"capacity of {name}")
    loads = {
        number: [steady(studied, share * number * capacities[STUDIED], number) for share in SHARES]
        for number in NUMBERS
    }
    _progress("loads")
    bursts = []
    for factor in FACTORS:
        for title, targets in (("constant", None), (DEFAULT, BOTH)):
            bursts.append(burst_study(studied, title, factor, targets=targets))
            _progress(f"burst of {factor}, {title}")
    compared = []
    for title, targets in TARGETS.items():
        compared.append(burst_study(studied, title, TARGET_FACTOR, targets=targets))
        _progress(f"autoscaler, {title}")
    retries = [
        burst_study(studied, f"{attempts}", TARGET_FACTOR, targets=BOTH, attempts=attempts)
        for attempts in (1, 3)
    ]
    return Results(
        times={**times, STUDIED: studied},
        capacities=capacities,
        rates=rates,
        loads=loads,
        bursts=bursts,
        targets=compared,
        retries=retries,
    )


def _progress(done: str) -> None:
    sys.stderr.write(f"simulated: {done}\n")
