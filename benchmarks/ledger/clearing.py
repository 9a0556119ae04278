"""Answers while old rows are deleted from a ledger of many, beside answers while none are."""

from dataclasses import dataclass

from sqlalchemy import func, select

from benchmarks.ledger.asking import status
from benchmarks.ledger.commands import with_ledger
from benchmarks.serving.bodies import instances, random_rows
from benchmarks.serving.networks import Network
from benchmarks.serving.servers import running
from benchmarks.serving.wrk import load
from service.ledger.address import Address, read_address
from service.ledger.database import writing_engine
from service.ledger.tables import requests

CLIENTS = 16


@dataclass(frozen=True, kw_only=True)
class Clearing:
    """Requests a second and latency while rows go, and the rows that were lost meanwhile."""

    days: float
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    errors: int
    written_per_second: float
    deleted_per_second: float
    lost: int


def clearing(network: Network, url: str, *, days: float, seconds: int) -> Clearing:
    """Serve with that retention, under load."""
    body = instances("/predict", random_rows(1, network.size))
    address = read_address(url)
    assert address is not None
    with running(with_ledger(url, days=str(days)), network.file, body) as server:
        load(server.port, body, clients=CLIENTS, seconds=2)
        before, deleted = status(server), _oldest(address)
        found = load(server.port, body, clients=CLIENTS, seconds=seconds)
        after, oldest = status(server), _oldest(address)
    return Clearing(
        days=days,
        requests_per_second=found.requests_per_second,
        p50_ms=found.p50_ms,
        p99_ms=found.p99_ms,
        errors=found.errors,
        written_per_second=round((after["written"] - before["written"]) / seconds, 1),
        deleted_per_second=round((oldest - deleted) / seconds, 1),
        lost=after["lost"],
    )


def _oldest(address: Address) -> int:
    with writing_engine(address).connect() as connection:
        return connection.scalar(select(func.min(requests.c.sequence))) or 0
