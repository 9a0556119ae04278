"""Loads a real server above its capacity, and simulates the same arrivals.

The load generator and the simulation get the same times of arrivals. The server is pinned to one
processor. If other programs use that processor too, the simulated one is slower by the share that
they took.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from http import HTTPStatus
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from benchmarks.overload.load import Stream
from benchmarks.overload.load import send as closed_loop
from benchmarks.overload.scenarios import BODIES, goodput
from benchmarks.scale.arrivals import burst, poisson
from benchmarks.scale.cluster import simulate
from benchmarks.scale.processors import Sampler, leave_server_processor, pinned
from benchmarks.scale.replica import Limits
from benchmarks.scale.service_times import ServiceTimes
from benchmarks.serving.networks import Network
from benchmarks.serving.open_loop import Responses, send
from benchmarks.serving.servers import Server, running

ROUNDS = 2
LOADS: dict[str, tuple[float, float]] = {  # share of capacity, and in the burst
    "0.5 ×": (0.5, 1),
    "0.9 ×": (0.9, 1),
    "1.3 ×": (1.3, 1),
    "2 ×": (2.0, 1),
    "0.5 ×, burst of 2 ×": (0.5, 4),
}
BURST = (1 / 3, 2 / 3)  # of the time
QUANTITIES = ("goodput", "refused_share", "mean_ms", "p50_ms", "p99_ms")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A kind of request, the server's HIGHWAY_MAX_QUEUE_MS, and the seconds of each load."""

    network: str
    form: str
    rows: int
    max_queue_ms: int = 250
    seconds: float = 6.0
    loads: tuple[str, ...] = tuple(LOADS)


@dataclass(frozen=True, kw_only=True)
class Result:
    """Answered requests per second, share of 429, and latencies of answered requests."""

    goodput: float
    refused_share: float
    mean_ms: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, kw_only=True)
class Run:
    """One load: means of its rounds. `speed` is the share of a processor that the server got."""

    cell: str
    max_queue_ms: int
    load: str
    offered: float
    speed: float
    unanswered: int
    measured: Result
    simulated: Result

    def deviation(self, quantity: str) -> float | None:
        """Return simulated ÷ measured − 1; None where the measured value is 0."""
        measured = float(getattr(self.measured, quantity))
        return float(getattr(self.simulated, quantity)) / measured - 1 if measured else None


def validate(network: Network, times: ServiceTimes, case: Case) -> Iterator[Run]:
    """Measure the capacity, then load below and above it."""
    first = BODIES["JSON"](network, 1)
    body = BODIES[times.form](network, times.rows)
    with (
        ProcessPoolExecutor(
            1, mp_context=get_context("spawn"), initializer=leave_server_processor
        ) as pool,
        running(pinned(max_queue_ms=str(case.max_queue_ms)), network.file, first) as server,
    ):
        request = body.http(server.port)
        for load in case.loads:
            share, factor = LOADS[load]
            capacity = _capacity(pool, server, request)
            rounds = []
            for seed in range(ROUNDS):
                begin, end = (case.seconds * each for each in BURST)
                rate = burst(share * capacity, factor, begin, end)
                random = np.random.default_rng(seed)
                offsets = poisson(rate, share * factor * capacity, case.seconds, random)
                rounds.append(_round(pool, server, request, times, case, offsets))
            yield _mean(times.name, case.max_queue_ms, load, rounds)


def _capacity(pool: ProcessPoolExecutor, server: Server, request: bytes) -> float:
    """Return the rate of a few clients in a closed loop, just before a load."""
    stream = Stream(request=request, connections=4)
    return median(
        goodput(pool.submit(closed_loop, server.port, [stream], 1.0).result()[0], 1.0)
        for _ in range(3)
    )


@dataclass(frozen=True, kw_only=True)
class _Round:
    offered: float
    speed: float
    unanswered: int
    measured: Result
    simulated: Result


def _round(
    pool: ProcessPoolExecutor,
    server: Server,
    request: bytes,
    times: ServiceTimes,
    case: Case,
    offsets: NDArray[np.float64],
) -> _Round:
    with Sampler(server) as sampler:
        began, responses = pool.submit(_send, server.port, request, offsets).result()
    share = sampler.share(began)
    limits = Limits(share=share, max_queue_ms=case.max_queue_ms)
    outcome = simulate(times, offsets.tolist(), limits=limits, tail_s=10)
    by_status = {status: np.array(each) for status, each in responses.latencies.items()}
    return _Round(
        offered=len(offsets) / case.seconds,
        speed=share.speed,
        unanswered=len(offsets) - sum(map(len, by_status.values())),
        measured=result(by_status.get, len(offsets), case.seconds),
        simulated=result(outcome.clients.latencies, len(offsets), case.seconds),
    )


def _send(port: int, request: bytes, offsets: NDArray[np.float64]) -> tuple[float, Responses]:
    """Return when the load began, on the clock that all processes share, and the responses."""
    began = perf_counter()
    return began, send(port, request, offsets)


def result(
    latencies: Callable[[int], NDArray[np.float64] | None], sent: int, seconds: float
) -> Result:
    """Return the quantities of one load from the latencies in seconds by status."""

    def of(status: int) -> NDArray[np.float64]:
        found = latencies(status)
        return np.array([]) if found is None else found

    answered = of(HTTPStatus.OK) * 1e3
    p50, p99 = np.percentile(answered, [50, 99]) if len(answered) else (np.nan, np.nan)
    return Result(
        goodput=len(answered) / seconds,
        refused_share=len(of(HTTPStatus.TOO_MANY_REQUESTS)) / sent,
        mean_ms=float(answered.mean()) if len(answered) else np.nan,
        p50_ms=float(p50),
        p99_ms=float(p99),
    )


def _mean(cell: str, max_queue_ms: int, load: str, rounds: Sequence[_Round]) -> Run:
    def result_of(results: Sequence[Result]) -> Result:
        return Result(
            **{name: round(mean(getattr(each, name) for each in results), 4) for name in QUANTITIES}
        )

    return Run(
        cell=cell,
        max_queue_ms=max_queue_ms,
        load=load,
        offered=round(mean(each.offered for each in rounds), 1),
        speed=round(mean(each.speed for each in rounds), 3),
        unanswered=sum(each.unanswered for each in rounds),
        measured=result_of([each.measured for each in rounds]),
        simulated=result_of([each.simulated for each in rounds]),
    )


def write(file: Path, runs: Sequence[Run], machine: Mapping[str, object]) -> None:
    """Write the runs and the machine that they ran on."""
    values = [asdict(run) for run in runs]
    file.write_text(json.dumps({"machine": machine, "runs": values}, indent=1) + "\n")


def read(file: Path) -> list[Run]:
    """Return the runs that `write` wrote."""
    return [
        Run(
            **run | {"measured": Result(**run["measured"]), "simulated": Result(**run["simulated"])}
        )
        for run in json.loads(file.read_text())["runs"]
    ]
