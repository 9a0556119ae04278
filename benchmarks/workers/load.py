"""Loads of servers with one and two workers, and new connections while a worker is stopped."""

import http.client
import os
import resource
import signal
import statistics
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread

from benchmarks.serving.bodies import Body, random_rows, v2_json
from benchmarks.serving.contenders import OUTPUTS
from benchmarks.serving.networks import Network
from benchmarks.serving.servers import Command, Server, running
from benchmarks.serving.wrk import Load, load
from benchmarks.workers.sockets import connections

SHARED, OWN = "shared listener", "own sockets"
PROGRAMS = {SHARED: "service", OWN: "benchmarks.workers.own_sockets"}
SAMPLE_SHARE = 0.5  # of a load, until its connections are counted
SETTLE_SECONDS = 0.5  # for the connections of the last load to close
STOPPED_CONNECTIONS, STOPPED_SECONDS = 40, 1.0


@dataclass(frozen=True, kw_only=True)
class WorkersCell:
    """A server under load: medians of the rounds, and the workers' shares of each round."""

    network: str
    sockets: str
    workers: int
    clients: int
    keep_alive: bool  # otherwise each request has a connection of its own
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    errors: int
    worker_us: float  # processor time of all workers per request, in microseconds
    supervisor_us: float
    client_us: float  # of the load generator, which shares the cores
    most_connections: list[float]  # share of the worker that has most, one for each round
    most_processor_time: list[float]


@dataclass(frozen=True, kw_only=True)
class StoppedCell:
    """New connections with one request each while one of two workers is stopped."""

    sockets: str
    sent: int
    answered: int  # within a second


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One load: its result, and processor seconds and connections of each worker."""

    load: Load
    client_seconds: float
    supervisor_seconds: float
    worker_seconds: list[float]
    connections: list[int]


def command(sockets: str, workers: int) -> Command:
    """Return the command of a server with so many workers."""

    def line(file: Path, port: int) -> list[str]:
        options = ["--port", str(port), "--workers", str(workers)]
        return [sys.executable, "-m", PROGRAMS[sockets], "serve", str(file), *options]

    return line


def loads(
    network: Network,
    clients: tuple[int, ...],
    *,
    rounds: int,
    seconds: int,
    keep_alive: bool = True,
) -> Iterator[WorkersCell]:
    """Load one worker, and two with each kind of sockets, in turn."""
    body = v2_json(network.name, random_rows(1, network.size), OUTPUTS)
    if not keep_alive:
        body = replace(body, headers={**body.headers, "Connection": "close"})
    kinds = ((SHARED, 1), (SHARED, 2), (OWN, 2))
    with ExitStack() as stack:
        servers = {
            kind: stack.enter_context(running(command(*kind), network.file, body)) for kind in kinds
        }
        for number in clients:
            measured: dict[tuple[str, int], list[Measured]] = {kind: [] for kind in kinds}
            for turn in range(rounds):
                for kind in kinds[:: -1 if turn % 2 else 1]:
                    measured[kind].append(_measure(servers[kind], body, number, seconds))
            for (sockets, workers), each in measured.items():
                yield summary(
                    each,
                    network=network.title,
                    sockets=sockets,
                    workers=workers,
                    clients=number,
                    keep_alive=keep_alive,
                    seconds=seconds,
                )


def _measure(server: Server, body: Body, clients: int, seconds: int) -> Measured:
    time.sleep(SETTLE_SECONDS)
    before = server.processes()
    workers = [pid for pid in before if pid != server.pid]
    counts: dict[int, int] = {}

    def count() -> None:
        time.sleep(SAMPLE_SHARE * seconds)
        counts.update(connections(workers, server.port))

    sample = Thread(target=count)
    sample.start()
    client = _client_seconds()
    result = load(server.port, body, clients=clients, seconds=seconds)
    client = _client_seconds() - client
    sample.join()
    after = server.processes()
    used = {pid: after.get(pid, 0) - before[pid] for pid in before}
    return Measured(
        load=result,
        client_seconds=client,
        supervisor_seconds=used[server.pid],
        worker_seconds=[used[pid] for pid in workers],
        connections=[counts[pid] for pid in workers],
    )


def _client_seconds() -> float:
    """Return the processor seconds of the load generators that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def summary(
    measured: list[Measured],
    *,
    network: str,
    sockets: str,
    workers: int,
    clients: int,
    keep_alive: bool,
    seconds: int,
) -> WorkersCell:
    """Return the medians of the rounds, each of `seconds`."""
    results = [each.load for each in measured]
    requests = [result.requests_per_second * seconds for result in results]
    return WorkersCell(
        network=network,
        sockets=sockets,
        workers=workers,
        clients=clients,
        keep_alive=keep_alive,
        requests_per_second=statistics.median(r.requests_per_second for r in results),
        p50_ms=statistics.median(result.p50_ms for result in results),
        p99_ms=statistics.median(result.p99_ms for result in results),
        errors=sum(result.errors for result in results),
        worker_us=_per_request([sum(each.worker_seconds) for each in measured], requests),
        supervisor_us=_per_request([each.supervisor_seconds for each in measured], requests),
        client_us=_per_request([each.client_seconds for each in measured], requests),
        most_connections=[largest_share(each.connections) for each in measured],
        most_processor_time=[largest_share(each.worker_seconds) for each in measured],
    )


def largest_share(parts: list[int] | list[float]) -> float:
    """Return the largest part as a share of the sum, 0 if there is nothing."""
    return round(max(parts) / sum(parts), 3) if sum(parts) else 0.0


def _per_request(seconds: list[float], requests: list[float]) -> float:
    shares = [used / count * 1e6 for used, count in zip(seconds, requests, strict=True)]
    return round(statistics.median(shares), 1)


def stopped_worker(network: Network, sockets: str) -> StoppedCell:
    """Stop one of two workers with a signal, and open new connections meanwhile."""
    body = v2_json(network.name, random_rows(1, network.size), OUTPUTS)
    with running(command(sockets, 2), network.file, body) as server:
        time.sleep(SETTLE_SECONDS)  # for the second worker
        stopped = max(pid for pid in server.processes() if pid != server.pid)
        os.kill(stopped, signal.SIGSTOP)
        try:
            with ThreadPoolExecutor(STOPPED_CONNECTIONS) as clients:
                sent = [
                    clients.submit(_is_answered, server.port, body)
                    for _ in range(STOPPED_CONNECTIONS)
                ]
            answered = sum(each.result() for each in sent)
        finally:
            os.kill(stopped, signal.SIGCONT)
    return StoppedCell(sockets=sockets, sent=STOPPED_CONNECTIONS, answered=answered)


def _is_answered(port: int, body: Body) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=STOPPED_SECONDS)
    try:
        connection.request("POST", body.path, body.content, body.headers)
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
