"""Throughput while old rows are deleted from a large ledger, and while none are."""

from dataclasses import dataclass

from sqlalchemy import func, select

from benchmarks.ledger.server import status, with_ledger
from benchmarks.serving.bodies import instances, random_rows
from benchmarks.serving.networks import Network
from benchmarks.serving.servers import running
from benchmarks.serving.wrk import load
from service.database_url import DatabaseUrl, read_database_url
from service.ledger.database import writing_engine
from service.ledger.tables import requests

CLIENTS = 16


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """Requests a second and latency during deletion, and the rows lost meanwhile."""

    days: float
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    errors: int
    written_per_second: float
    deleted_per_second: float
    lost: int


def deletion(network: Network, url: str, *, days: float, seconds: int) -> Deletion:
    """Serve under load, and keep rows for `days`."""
    body = instances("/predict", random_rows(1, network.size))
    database = read_database_url(url)
    assert database is not None
    with running(with_ledger(url, days=str(days)), network.file, body) as server:
        load(server.port, body, clients=CLIENTS, seconds=2)
        before, deleted = status(server), _oldest(database)
        result = load(server.port, body, clients=CLIENTS, seconds=seconds)
        after, oldest = status(server), _oldest(database)
    return Deletion(
        days=days,
        requests_per_second=result.requests_per_second,
        p50_ms=result.p50_ms,
        p99_ms=result.p99_ms,
        errors=result.errors,
        written_per_second=round((after["written"] - before["written"]) / seconds, 1),
        deleted_per_second=round((oldest - deleted) / seconds, 1),
        lost=after["lost"],
    )


def _oldest(database: DatabaseUrl) -> int:
    with writing_engine(database).connect() as connection:
        return connection.scalar(select(func.min(requests.c.sequence))) or 0
