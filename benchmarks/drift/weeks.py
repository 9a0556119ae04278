"""Weeks of traffic through the server's own counters and looks, second by simulated second."""

from collections.abc import Callable, Iterator
from math import cos, tau

import numpy as np

from benchmarks.drift.rows import Answers, Tried
from service.drift.verdict import FALSE_ALARMS_A_WEEK, Verdict
from service.drift.watch import Watch
from service.drift.windows import GRACE_SECONDS, WEEK_SECONDS, WINDOWS
from service.inference.counters import Board

STEP = min(window.seconds for window in WINDOWS)
DAY = 24 * 3600
Rate = Callable[[float], float]  # requests a second, of the seconds since the beginning


def steady(rate: float) -> Rate:
    """Return the same rate at every time."""
    return lambda _: rate


def day_and_night(low: float, high: float) -> Rate:
    """Return a rate that goes from low at midnight to high at noon, on a logarithmic scale."""
    return lambda now: low * (high / low) ** ((1 - cos(tau * now / DAY)) / 2)


class Traffic:
    """A server's watch over one model, fed with rows drawn from a population."""

    def __init__(self, tried: Tried, rate: Rate, chance: np.random.Generator) -> None:
        self._tried = tried
        self._rate = rate
        self._chance = chance
        self._watch = Watch(tried.held_out, Board(), "drift@1")
        self._ends: set[tuple[str, int]] = set()
        self.now = 0.0
        self.rows = 0

    def step(self, *populations: tuple[Answers, float]) -> None:
        """Answer the requests of one step; each population comes by its share."""
        requests = self._chance.poisson(self._rate(self.now) * STEP)
        for population, share in populations:
            count = self._chance.binomial(requests, share) if share < 1 else requests
            rows = population.take(self._chance.integers(len(population), size=count))
            unusual = self._tried.unusual(rows)
            self._watch.add(self.now + STEP / 2, rows.labels, rows.gates, unusual)
            requests -= count
            self.rows += count
        self.now += STEP

    def looks(self) -> Iterator[Verdict]:
        """Yield the looks that are new."""
        for verdict in self._watch.verdicts(self.now + GRACE_SECONDS):
            look = (verdict.window.name, verdict.end)
            if look not in self._ends:
                self._ends.add(look)
                yield verdict


def budget(verdict: Verdict) -> float:
    """Return for how many false alarms a week at most this look would have been one."""
    least = min(verdict.p_values, default=float("inf"))
    return FALSE_ALARMS_A_WEEK * least / verdict.threshold


def quiet_week(traffic: Traffic, answers: Answers) -> dict[str, list[float]]:
    """Return the budget of every look of a week without drift, by window."""
    found: dict[str, list[float]] = {window.name: [] for window in WINDOWS}
    while traffic.now < WEEK_SECONDS:
        traffic.step((answers, 1.0))
        for verdict in traffic.looks():
            found[verdict.window.name].append(budget(verdict))
    return found


def alarm(traffic: Traffic, usual: Answers, odd: Answers, share: float) -> tuple[int, str] | None:
    """Let a day pass, then let a share be odd: return the rows until the alarm, and its window."""
    while traffic.now < DAY:
        traffic.step((usual, 1.0))
    list(traffic.looks())
    before = traffic.rows
    while traffic.now < 3 * DAY:
        traffic.step((odd, share), (usual, 1.0))
        for verdict in traffic.looks():
            if verdict.drifting:
                return traffic.rows - before, verdict.window.name
    return None
