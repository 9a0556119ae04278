"""Extrapolations: capacity, replicas for a rate, bursts with the autoscaler, and cost."""

from dataclasses import dataclass
from http import HTTPStatus

import numpy as np
from numpy.typing import NDArray

from benchmarks.scale.arrivals import DAY_SECONDS, burst, daily, poisson
from benchmarks.scale.autoscaler import Autoscaling
from benchmarks.scale.clients import Retries
from benchmarks.scale.cluster import PROCESSOR, QUEUE, Delays, Outcome, Sample, simulate
from benchmarks.scale.service_times import ServiceTimes

REQUESTS = 3_000  # of a simulated load
WARM_UP = 0.1  # share of a load that is left out
P99_MS = (50, 100)
STEPS = 6  # of the bisection for the highest rate: to within 2 %
BASE_REPLICAS, BASE_LOAD = 2, 0.6  # before a burst: replicas, and the share of their capacity
BURST_BEGIN, BURST_END, STUDY_END = 60.0, 240.0, 600.0
FACTORS = (2, 3, 5)
TARGETS: dict[str, dict[str, float]] = {
    "queue 10 ms": {QUEUE: 0.01},
    "queue 25 ms": {QUEUE: 0.025},
    "queue 50 ms": {QUEUE: 0.05},
    "queue 100 ms": {QUEUE: 0.1},
    "processor 50 %": {PROCESSOR: 0.5},
    "processor 70 %": {PROCESSOR: 0.7},
    "processor 70 % and queue 50 ms": {PROCESSOR: 0.7, QUEUE: 0.05},
}


def capacity(times: ServiceTimes) -> float:
    """Return a replica's requests per second in the largest usual batches, always busy."""
    most = max(1, min(64, 512) // times.rows)
    return 1 / (times.request_s + times.batch_s(most * times.rows) / most)


@dataclass(frozen=True, kw_only=True)
class Point:
    """One steady load of a number of replicas."""

    replicas: int
    rate: float
    p50_ms: float
    p99_ms: float
    refused_share: float


def steady(times: ServiceTimes, rate: float, replicas: int, seed: int = 0) -> Point:
    """Simulate Poisson arrivals at a rate."""
    random = np.random.default_rng(seed)
    offsets = np.cumsum(random.exponential(1 / rate, REQUESTS * replicas))
    clients = simulate(times, offsets.tolist(), replicas=replicas, seed=seed).clients
    warm = WARM_UP * offsets[-1]
    answered = clients.responses.get(HTTPStatus.OK, [])
    latencies = np.array([latency for sent, latency in answered if sent >= warm])
    p50, p99 = np.percentile(latencies * 1e3, [50, 99])
    return Point(
        replicas=replicas,
        rate=rate,
        p50_ms=float(p50),
        p99_ms=float(p99),
        refused_share=clients.count(HTTPStatus.TOO_MANY_REQUESTS) / len(offsets),
    )


def highest_rate(times: ServiceTimes, p99_ms: float, replicas: int = 1) -> float:
    """Return the highest rate at which p99 is met and at most 1 in 1,000 is refused, else 0."""
    lowest, highest = 0.0, 1.2 * capacity(times) * replicas
    for _ in range(STEPS):
        rate = (lowest + highest) / 2
        point = steady(times, rate, replicas)
        met = point.p99_ms <= p99_ms and point.refused_share <= 0.001
        lowest, highest = (rate, highest) if met else (lowest, rate)
    return lowest


@dataclass(frozen=True, kw_only=True)
class Day:
    """Replica-hours of a day whose rate is a sine: `constant` for its peak, or `scaled` with it."""

    constant: float
    scaled: float
    most: int


def day(mean: float, swing: float, replica_rate: float) -> Day:
    """Return the replica-hours for a mean rate; each replica serves `replica_rate`.

    Minute by minute, without requests: the rate changes slowly. The autoscaler removes replicas
    five minutes late.
    """
    minutes = np.arange(0, DAY_SECONDS, 60.0)
    needed = np.ceil(daily(mean, swing)(minutes) / replica_rate)
    late = np.max([np.roll(needed, minute) for minute in range(6)], axis=0)
    most = int(late.max())
    return Day(constant=24.0 * most, scaled=float(late.mean() * 24), most=most)


@dataclass(frozen=True, kw_only=True)
class Burst:
    """A burst with the autoscaler; times in seconds from the begin of the burst."""

    title: str
    factor: float
    outcome: Outcome
    offered: int
    refused: int  # attempts with 429
    lost: int  # requests whose last attempt was refused
    last_refusal_s: float | None
    most_replicas: int
    least_after: int  # replicas at the end of the study
    replica_hours: float

    @property
    def samples(self) -> list[Sample]:
        """The cluster's history."""
        return self.outcome.samples


def arrivals(times: ServiceTimes, factor: float) -> NDArray[np.float64]:
    """Return the arrivals of the study: a constant load, with a burst of some minutes."""
    base = BASE_REPLICAS * BASE_LOAD * capacity(times)
    rate = burst(base, factor, BURST_BEGIN, BURST_END)
    return poisson(rate, base * factor, STUDY_END, np.random.default_rng(1))


def burst_study(
    times: ServiceTimes,
    title: str,
    factor: float,
    *,
    targets: dict[str, float] | None,
    attempts: int = 1,
    delays: Delays | None = None,
) -> Burst:
    """Simulate a burst; without targets the number of replicas is constant."""
    offsets = arrivals(times, factor)
    scaling = Autoscaling(targets=targets or {QUEUE: 1e9}, least=BASE_REPLICAS, most=40)
    outcome = simulate(
        times,
        offsets.tolist(),
        replicas=BASE_REPLICAS,
        autoscaling=scaling,
        retries=Retries(attempts=attempts),
        delays=delays or Delays(start_s=times.start_s),
        seed=1,
    )
    clients = outcome.clients
    refused = sorted(sent for sent, _ in clients.responses.get(HTTPStatus.TOO_MANY_REQUESTS, []))
    return Burst(
        title=title,
        factor=factor,
        outcome=outcome,
        offered=len(offsets),
        refused=clients.attempts - clients.sent + len(refused),
        lost=len(refused),
        last_refusal_s=max((s for s in refused if s < BURST_END), default=None),
        most_replicas=max(sample.ordered for sample in outcome.samples),
        least_after=min(s.ordered for s in outcome.samples if s.at > BURST_END),
        replica_hours=outcome.replica_seconds / 3600,
    )
