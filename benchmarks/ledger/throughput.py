"""Requests a second with the ledger in SQLite, in PostgreSQL and without one, alternating."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.ledger.server import with_ledger
from benchmarks.serving.bodies import instances
from benchmarks.serving.footprint import MeasuredLoad, load_with_cpu_time
from benchmarks.serving.networks import Network
from benchmarks.serving.servers import Server, running
from benchmarks.serving.wrk import load
from service.arrays import FloatArray
from service.classifier import Classifier
from service.contract import INPUT, TYPICALITY_COLUMNS

CLIENTS = 16
OFF = "off"


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Requests a second relative to a server without a ledger: of the medians, and by round."""

    ledger: str
    share: float
    lowest: float
    highest: float
    requests_per_second: float
    cpu_us: float  # processor time per request, which other processes disturb less
    p50_ms: float
    p99_ms: float
    errors: int
    start_seconds: float
    resident_mb: float  # under load


def costs(network: Network, postgresql: str, *, pairs: int, seconds: int) -> Iterator[Cost]:
    """Yield the cost of each ledger at the default rate; `postgresql` is a URL."""
    body = instances("/predict", ordinary_row(network.file))
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        urls = {OFF: OFF, "SQLite": f"sqlite:///{folder}/ledger.db", "PostgreSQL": postgresql}
        servers = {
            name: stack.enter_context(running(with_ledger(url), network.file, body))
            for name, url in urls.items()
        }
        for server in servers.values():
            load(server.port, body, clients=CLIENTS, seconds=2)
        rounds: dict[str, list[MeasuredLoad]] = {name: [] for name in servers}
        for _ in range(pairs):
            for name, server in servers.items():
                rounds[name].append(
                    load_with_cpu_time(server, body, clients=CLIENTS, seconds=seconds)
                )
        yield from (_cost(name, servers[name], rounds[name], rounds[OFF]) for name in servers)


def ordinary_row(file: Path) -> FloatArray:
    """Return the most typical golden row of a file, (1, features).

    Of atypical rows the ledger stores the inputs too.
    """
    classifier = Classifier.load(file)
    rows = np.array(classifier.metadata.verification["golden"][INPUT], np.float32)
    combined = classifier.run(rows).typicality[:, TYPICALITY_COLUMNS.index("combined")]
    return rows[[int(combined.argmax())]]


def _cost(
    name: str, server: Server, rounds: list[MeasuredLoad], without: list[MeasuredLoad]
) -> Cost:
    loads = [round_.load for round_ in rounds]
    rates = [load_.requests_per_second for load_ in loads]
    baseline = [round_.load.requests_per_second for round_ in without]
    shares = [rate / base for rate, base in zip(rates, baseline, strict=True)]
    return Cost(
        ledger=name,
        share=round(median(rates) / median(baseline), 4),
        lowest=round(min(shares), 4),
        highest=round(max(shares), 4),
        requests_per_second=round(median(rates)),
        cpu_us=round(median(round_.cpu_us for round_ in rounds), 2),
        p50_ms=median(load_.p50_ms for load_ in loads),
        p99_ms=median(load_.p99_ms for load_ in loads),
        errors=sum(load_.errors for load_ in loads),
        start_seconds=server.start_seconds,
        resident_mb=server.resident_mb(),
    )
