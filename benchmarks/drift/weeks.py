"""Simulated weeks of traffic through the server's own drift monitor."""

from collections.abc import Callable, Iterator
from math import cos, tau

import numpy as np

from benchmarks.drift.rows import Baseline, Rows
from service.drift.monitor import FALSE_ALARMS_PER_WEEK, DriftDecision, DriftMonitor
from service.drift.windows import GRACE_SECONDS, WEEK_SECONDS, WINDOWS
from service.shared_counters import SharedCounters

STEP = min(window.seconds for window in WINDOWS)
DAY = 24 * 3600
Rate = Callable[[float], float]  # requests a second at a number of seconds since the start


def steady(rate: float) -> Rate:
    """Return the same rate at every time."""
    return lambda _: rate


def day_and_night(low: float, high: float) -> Rate:
    """Return a rate from low at midnight to high at noon, on a logarithmic scale."""
    return lambda now: low * (high / low) ** ((1 - cos(tau * now / DAY)) / 2)


class Traffic:
    """A drift monitor of one model, with rows drawn from populations of rows."""

    def __init__(self, baseline: Baseline, rate: Rate, random: np.random.Generator) -> None:
        self._baseline = baseline
        self._rate = rate
        self._random = random
        self._monitor = DriftMonitor(baseline.held_out, SharedCounters(), "drift@1")
        self._seen: set[tuple[str, int]] = set()
        self.now = 0.0
        self.rows = 0

    def step(self, *populations: tuple[Rows, float]) -> None:
        """Add the requests of one step; each population has a share of them."""
        requests = self._random.poisson(self._rate(self.now) * STEP)
        for population, share in populations:
            count = self._random.binomial(requests, share) if share < 1 else requests
            rows = population.take(self._random.integers(len(population), size=count))
            typicality = self._baseline.p_values(rows)
            self._monitor.add(self.now + STEP / 2, rows.labels, rows.gates, typicality)
            requests -= count
            self.rows += count
        self.now += STEP

    def evaluations(self) -> Iterator[DriftDecision]:
        """Yield the decisions since the last call."""
        for decision in self._monitor.decisions(self.now + GRACE_SECONDS):
            key = (decision.window.name, decision.end)
            if key not in self._seen:
                self._seen.add(key)
                yield decision


def budget(decision: DriftDecision) -> float:
    """Return the false alarms a week that must be allowed for this decision to be an alarm."""
    least = min(decision.p_values, default=float("inf"))
    return FALSE_ALARMS_PER_WEEK * least / decision.threshold


def week_without_drift(traffic: Traffic, rows: Rows) -> dict[str, list[float]]:
    """Return the budget of every evaluation in a week, by window."""
    budgets: dict[str, list[float]] = {window.name: [] for window in WINDOWS}
    while traffic.now < WEEK_SECONDS:
        traffic.step((rows, 1.0))
        for decision in traffic.evaluations():
            budgets[decision.window.name].append(budget(decision))
    return budgets


def detect(traffic: Traffic, typical: Rows, atypical: Rows, share: float) -> tuple[int, str] | None:
    """Return the rows from the start of a drift until the alarm, and its window.

    The drift begins after one day. None if there is no alarm in the two days after that.
    """
    while traffic.now < DAY:
        traffic.step((typical, 1.0))
    list(traffic.evaluations())
    before = traffic.rows
    while traffic.now < 3 * DAY:
        traffic.step((atypical, share), (typical, 1.0))
        for decision in traffic.evaluations():
            if decision.drifting:
                return traffic.rows - before, decision.window.name
    return None
