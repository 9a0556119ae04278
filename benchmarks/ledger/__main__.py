"""Measure the ledger; the figures of docs/measurements/ledger.md come from here.

    python -m benchmarks.ledger throughput   # with and without a ledger, alternating; needs wrk
    python -m benchmarks.ledger pages        # of ten million rows, and deletion under load
    python -m benchmarks.ledger outage       # PostgreSQL stopped and started under load

Databases are temporary; ten million rows take 8 GB. PostgreSQL is started from the installed
binaries. If build/bench has no network, one is trained for an epoch and exported.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from benchmarks.ledger.deletion import deletion
from benchmarks.ledger.filling import DAYS, fill
from benchmarks.ledger.outage import outage
from benchmarks.ledger.pages import page_times
from benchmarks.ledger.postgres import postgres
from benchmarks.ledger.server import with_ledger
from benchmarks.ledger.throughput import costs
from benchmarks.serving.__main__ import BUILD
from benchmarks.serving.bodies import instances, random_rows
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.networks import Network, network
from benchmarks.serving.servers import running
from benchmarks.serving.wrk import require_wrk
from service.database_url import read_database_url

NETWORK = "dense-10"
ROWS = 10_000_000
OUTAGES = ((5, "fast"), (5, "immediate"), (40, "fast"))  # seconds, and the mode of pg_ctl stop


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ledger",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("benchmark", choices=("throughput", "pages", "outage"))
    parser.add_argument("--rows", type=int, default=ROWS, help="number of rows for `pages`")
    parser.add_argument("--pairs", type=int, default=30, help="rounds of `throughput`")
    return parser.parse_args()


def main() -> None:
    """Print a line of JSON for each result."""
    options = arguments()
    try:
        require_wrk()
        served = network(BUILD, NETWORK)
        if options.benchmark == "throughput":
            results = throughput(served, options.pairs)
        elif options.benchmark == "pages":
            results = pages(served, options.rows)
        else:
            results = (
                outage(served, outage_seconds=seconds, mode=mode) for seconds, mode in OUTAGES
            )
        for result in results:
            print(json.dumps(asdict(result)), flush=True)
    except BenchmarkError as error:
        raise SystemExit(f"error: {error}") from error


def throughput(served: Network, pairs: int) -> Iterator[Any]:
    """Compare the throughput with that of a server without a ledger."""
    with postgres() as database:
        yield from costs(served, database.url, pairs=pairs, seconds=1)


def pages(served: Network, rows: int) -> Iterator[Any]:
    """Fill a ledger, time its pages, and delete old rows under load."""
    first = instances("/predict", random_rows(1, served.size))
    with tempfile.TemporaryDirectory() as folder, postgres() as server:
        for url in (f"sqlite:///{folder}/ledger.db", server.url):
            database = read_database_url(url)
            assert database is not None
            fill(database, rows)
            # A retention longer than the ledger deletes nothing.
            with running(with_ledger(url, days=str(2 * DAYS)), served.file, first) as serving:
                yield from page_times(serving, rows)
            for days in (2 * DAYS, 0.95 * DAYS):
                yield deletion(served, url, days=days, seconds=10)


if __name__ == "__main__":
    main()
