"""PostgreSQL stopped and started under load: rows served, written and lost."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread

import psycopg

from benchmarks.ledger.postgres import postgres
from benchmarks.ledger.server import get, status, with_ledger
from benchmarks.serving.bodies import instances, random_rows
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.networks import Network
from benchmarks.serving.servers import Server, running
from benchmarks.serving.wrk import Load, load
from service.ledger.observer import INTERVAL_SECONDS

CLIENTS = 16
BEFORE_SECONDS, AFTER_SECONDS = 5, 8
TIMEOUT_SECONDS = 30
COUNTS = """
    SELECT count(*), coalesce(sum(weight), 0),
        (SELECT count(*) FROM ledger_gaps), (SELECT coalesce(sum(rows), 0) FROM ledger_gaps)
    FROM ledger_requests
    """


@dataclass(frozen=True, kw_only=True)
class Outage:
    """Rows served, represented by the database and lost in gaps; exact if these add up."""

    outage_seconds: float
    mode: str
    served: int
    failed: int
    written: int
    represented: int  # sum of the weights
    gaps: int
    gap_rows: int
    resumed_seconds: float  # from the database's start to the first write
    exact: bool
    p99_ms: float


def outage(network: Network, *, outage_seconds: int, mode: str) -> Outage:
    """Stop the database with a `mode` of pg_ctl, and start it again after `outage_seconds`."""
    body = instances("/predict", random_rows(1, network.size))
    seconds = BEFORE_SECONDS + outage_seconds + AFTER_SECONDS
    loads: list[Load] = []
    with postgres() as database, running(with_ledger(database.url), network.file, body) as server:
        loading = Thread(
            target=lambda: loads.append(load(server.port, body, clients=CLIENTS, seconds=seconds))
        )
        loading.start()
        time.sleep(BEFORE_SECONDS)
        database.stop(mode)
        time.sleep(outage_seconds)
        database.start()
        began = time.monotonic()
        _await(lambda: status(server)["state"] == "writing")
        resumed = time.monotonic() - began
        loading.join()
        time.sleep(2 * INTERVAL_SECONDS)
        _await(lambda: status(server)["waiting"] == 0)
        served, failed = _request_counts(server)
        with psycopg.connect(database.url) as connection:
            counts = connection.execute(COUNTS).fetchone()
    assert counts is not None
    written, represented, gaps, gap_rows = map(round, counts)
    return Outage(
        outage_seconds=outage_seconds,
        mode=mode,
        served=served,
        failed=failed + loads[0].errors,
        written=written,
        represented=represented,
        gaps=gaps,
        gap_rows=gap_rows,
        resumed_seconds=round(resumed, 2),
        exact=served == represented + gap_rows,
        p99_ms=loads[0].p99_ms,
    )


def _request_counts(server: Server) -> tuple[int, int]:
    """Return the numbers of successful and failed requests, of one row each."""
    (model,) = get(server, "/v2/models/stats")["model_stats"]
    statistics = model["inference_stats"]
    return statistics["success"]["count"], statistics["fail"]["count"]


def _await(done: Callable[[], bool]) -> None:
    end = time.monotonic() + TIMEOUT_SECONDS
    while not done():
        if time.monotonic() > end:
            raise BenchmarkError(f"the ledger did not resume within {TIMEOUT_SECONDS} s")
        time.sleep(0.05)
