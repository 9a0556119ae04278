"""Replicas behind a balancer, and the autoscaler that changes their number."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import simpy

from benchmarks.scale.autoscaler import Autoscaler, Autoscaling
from benchmarks.scale.clients import Clients, Retries
from benchmarks.scale.replica import Limits, Replica, Request, Respond
from benchmarks.scale.service_times import Times

QUEUE, PROCESSOR = "queue_seconds", "processor"


@dataclass(frozen=True, kw_only=True)
class Delays:
    """Times in seconds between a change of the load and a replica that serves it."""

    scrape_s: float = 15.0  # between two scrapes of a replica's metrics
    adapter_s: float = 5.0  # from a scrape until the autoscaler can read it
    schedule_s: float = 5.0  # from the decision to the start of the process
    start_s: float = 1.5  # from the start of the process to its first response, measured
    probe_s: float = 5.0  # period of the readiness probe: on average half of it is waited


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The state of the cluster at one time."""

    at: float
    ready: int
    ordered: int  # with those that start
    queue_s: float  # mean estimated wait of the replicas that are ready


@dataclass(kw_only=True)
class Outcome:
    """A finished simulation: the clients with their responses, and the cluster's history."""

    clients: Clients
    replicas: list[Replica]
    samples: list[Sample] = field(default_factory=list)
    replica_seconds: float = 0.0  # ordered replicas, summed over time


class Cluster:
    """Sends requests to the replicas in turn, as a balancer for each request does."""

    def __init__(
        self,
        env: simpy.Environment,
        times: Times,
        limits: Limits,
        *,
        replicas: int,
        respond: Respond,
        delays: Delays,
        seed: int = 0,
    ) -> None:
        self._env = env
        self._respond = respond
        self._times = times
        self._limits = limits
        self._delays = delays
        self._random = np.random.default_rng(seed)
        self._turn = count()
        self.ordered = 0
        self.ready: list[Replica] = []
        self.all: list[Replica] = []
        self._scraped: dict[str, list[float]] = {QUEUE: [], PROCESSOR: []}
        self._busy: dict[Replica, float] = {}
        self.replica_seconds = 0.0
        self.samples: list[Sample] = []
        for _ in range(replicas):
            self._add()
        self.ordered = replicas

    def send(self, request: Request) -> None:
        """Give a request to the next replica."""
        self.ready[next(self._turn) % len(self.ready)].arrive(request)

    def _add(self) -> None:
        replica = Replica(self._env, self._times, self._limits, self._respond)
        self.all.append(replica)
        self.ready.append(replica)
        self._busy[replica] = 0.0

    def observe(self, period: float) -> Generator[simpy.Event, object, None]:
        """Record samples."""
        while True:
            waits = [replica.queue.wait_ns / 1e9 for replica in self.ready]
            mean = sum(waits) / len(waits)
            self.samples.append(
                Sample(at=self._env.now, ready=len(self.ready), ordered=self.ordered, queue_s=mean)
            )
            self.replica_seconds += self.ordered * period
            yield self._env.timeout(period)

    def scrape(self) -> Generator[simpy.Event, object, None]:
        """Read the metrics of the replicas that are ready, which are known a little later."""
        delays = self._delays
        while True:
            yield self._env.timeout(delays.scrape_s - delays.adapter_s)
            queue = [replica.queue.wait_ns / 1e9 for replica in self.ready]
            processor = []
            for replica in self.ready:
                used = replica.busy - self._busy[replica]
                self._busy[replica] = replica.busy
                processor.append(used / delays.scrape_s / self._limits.cores)
            yield self._env.timeout(delays.adapter_s)
            self._scraped = {QUEUE: queue, PROCESSOR: processor}

    def scale(self, settings: Autoscaling) -> Generator[simpy.Event, object, None]:
        """Order replicas as the autoscaler decides."""
        autoscaler = Autoscaler(settings)
        yield self._env.timeout(self._random.uniform(0, settings.sync_s))
        while True:
            values: dict[str, Sequence[float]] = {
                name: each[: self.ordered] for name, each in self._scraped.items()
            }
            wanted = autoscaler.decide(self._env.now, self.ordered, values)
            for _ in range(wanted - self.ordered):
                self._env.process(self._start())
            # A replica that is removed finishes what it has: it only gets no further requests.
            if wanted < self.ordered:
                del self.ready[max(1, wanted) :]
            self.ordered = wanted
            yield self._env.timeout(settings.sync_s)

    def _start(self) -> Generator[simpy.Event, object, None]:
        delays = self._delays
        probe = self._random.uniform(0, delays.probe_s)
        yield self._env.timeout(delays.schedule_s + delays.start_s + probe)
        if len(self.ready) < self.ordered:  # else it was removed before it was ready
            self._add()


def simulate(
    times: Times,
    offsets: Sequence[float],
    *,
    limits: Limits | None = None,
    replicas: int = 1,
    autoscaling: Autoscaling | None = None,
    delays: Delays | None = None,
    retries: Retries | None = None,
    seed: int = 0,
    tail_s: float = 2.0,
) -> Outcome:
    """Send a request at every offset, in seconds; end `tail_s` after the last one."""
    env = simpy.Environment()
    clients = Clients(env, lambda request: cluster.send(request), retries=retries, seed=seed)
    cluster = Cluster(
        env,
        times,
        limits or Limits(),
        replicas=replicas,
        respond=clients.respond,
        delays=delays or Delays(),
        seed=seed,
    )
    env.process(clients.run(offsets))
    if autoscaling is not None:
        env.process(cluster.scrape())
        env.process(cluster.scale(autoscaling))
        env.process(cluster.observe(1.0))
    env.run((offsets[-1] if len(offsets) else 0.0) + tail_s)
    return Outcome(
        clients=clients,
        replicas=cluster.all,
        samples=cluster.samples,
        replica_seconds=cluster.replica_seconds,
    )
