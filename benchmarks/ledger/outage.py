"""PostgreSQL stopped and started under load: who was answered, what was recorded, what is told."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread

import psycopg

from benchmarks.ledger.asking import get, status
from benchmarks.ledger.commands import with_ledger
from benchmarks.ledger.postgres import postgres
from benchmarks.serving.bodies import instances, random_rows
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.networks import Network
from benchmarks.serving.servers import Server, running
from benchmarks.serving.wrk import Load, load
from service.ledger.recorder import INTERVAL_SECONDS

CLIENTS = 16
BEFORE_SECONDS, AFTER_SECONDS = 5, 8
PATIENCE_SECONDS = 30
TOLD = """
    SELECT count(*), coalesce(sum(weight), 0),
        (SELECT count(*) FROM ledger_gaps), (SELECT coalesce(sum(rows), 0) FROM ledger_gaps)
    FROM ledger_requests
    """


@dataclass(frozen=True, kw_only=True)
class Outage:
    """Rows answered, those that the database stands for, and those of its gaps; exact if equal."""

    away_seconds: float
    mode: str
    answered: int
    failed: int
    written: int
    stood_for: int  # the sum of the weights
    gaps: int
    gap_rows: int
    resumed_seconds: float  # from the database's start to the first record
    exact: bool
    p99_ms: float


def outage(network: Network, *, away_seconds: int, mode: str) -> Outage:
    """Stop the database, the `mode` is pg_ctl's, and start it again after so many seconds."""
    body = instances("/predict", random_rows(1, network.size))
    seconds = BEFORE_SECONDS + away_seconds + AFTER_SECONDS
    loads: list[Load] = []
    with postgres() as database, running(with_ledger(database.url), network.file, body) as server:
        loading = Thread(
            target=lambda: loads.append(load(server.port, body, clients=CLIENTS, seconds=seconds))
        )
        loading.start()
        time.sleep(BEFORE_SECONDS)
        database.stop(mode)
        time.sleep(away_seconds)
        database.start()
        began = time.monotonic()
        _await(lambda: status(server)["state"] == "writing")
        resumed = time.monotonic() - began
        loading.join()
        time.sleep(2 * INTERVAL_SECONDS)
        _await(lambda: status(server)["waiting"] == 0)
        answered, failed = _answered(server)
        with psycopg.connect(database.url) as connection:
            found = connection.execute(TOLD).fetchone()
    assert found is not None
    written, stood_for, gaps, gap_rows = map(round, found)
    return Outage(
        away_seconds=away_seconds,
        mode=mode,
        answered=answered,
        failed=failed + loads[0].errors,
        written=written,
        stood_for=stood_for,
        gaps=gaps,
        gap_rows=gap_rows,
        resumed_seconds=round(resumed, 2),
        exact=answered == stood_for + gap_rows,
        p99_ms=loads[0].p99_ms,
    )


def _answered(server: Server) -> tuple[int, int]:
    """Return how many requests, of one row each, were answered and how many were not."""
    (model,) = get(server, "/v2/models/stats")["model_stats"]
    told = model["inference_stats"]
    return told["success"]["count"], told["fail"]["count"]


def _await(done: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not done():
        if time.monotonic() > end:
            raise BenchmarkError("ledger: expected it to resume, found that it does not")
        time.sleep(0.05)
