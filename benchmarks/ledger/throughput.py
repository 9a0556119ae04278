"""Requests a second with the ledger in SQLite, in PostgreSQL, and without one, turn by turn."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from benchmarks.ledger.commands import with_ledger
from benchmarks.serving.bodies import Body, instances, random_rows
from benchmarks.serving.networks import Network
from benchmarks.serving.servers import Server, running
from benchmarks.serving.wrk import Load, load

CLIENTS = 16
OFF = "off"


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Requests a second as a share of those without a ledger: of the medians, and pair by pair."""

    ledger: str
    share: float
    lowest: float
    highest: float
    requests_per_second: float
    cpu_us: float  # processor time for each request, which others on the machine disturb less
    p50_ms: float
    p99_ms: float
    errors: int
    start_seconds: float
    resident_mb: float  # once it was loaded


def costs(network: Network, postgresql: str, *, pairs: int, seconds: int) -> Iterator[Cost]:
    """Yield what each kind of ledger costs at the default rate; `postgresql` is a URL."""
    body = instances("/predict", random_rows(1, network.size))
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        urls = {OFF: OFF, "SQLite": f"sqlite:///{folder}/ledger.db", "PostgreSQL": postgresql}
        servers = {
            name: stack.enter_context(running(with_ledger(url), network.file, body))
            for name, url in urls.items()
        }
        for server in servers.values():
            load(server.port, body, clients=CLIENTS, seconds=2)
        found: dict[str, list[_Turn]] = {name: [] for name in servers}
        for _ in range(pairs):
            for name, server in servers.items():
                found[name].append(_turn(server, body, seconds))
        yield from (_cost(name, servers[name], found[name], found[OFF]) for name in servers)


class _Turn(NamedTuple):
    load: Load
    cpu_us: float


def _turn(server: Server, body: Body, seconds: int) -> _Turn:
    before = server.cpu_seconds()
    found = load(server.port, body, clients=CLIENTS, seconds=seconds)
    used = server.cpu_seconds() - before
    return _Turn(found, used * 1e6 / (found.requests_per_second * seconds))


def _cost(name: str, server: Server, turns: list[_Turn], without: list[_Turn]) -> Cost:
    loads = [turn.load for turn in turns]
    rates = [each.requests_per_second for each in loads]
    others = [turn.load.requests_per_second for turn in without]
    shares = [mine / other for mine, other in zip(rates, others, strict=True)]
    return Cost(
        ledger=name,
        share=round(median(rates) / median(others), 4),
        lowest=round(min(shares), 4),
        highest=round(max(shares), 4),
        requests_per_second=round(median(rates)),
        cpu_us=round(median(turn.cpu_us for turn in turns), 2),
        p50_ms=median(each.p50_ms for each in loads),
        p99_ms=median(each.p99_ms for each in loads),
        errors=sum(each.errors for each in loads),
        start_seconds=server.start_seconds,
        resident_mb=server.resident_mb(),
    )
