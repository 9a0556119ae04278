"""Measure the ledger; the figures of docs/measurements/ledger.md come from here.

    python -m benchmarks.ledger throughput   # with and without a ledger, alternating; needs wrk
    python -m benchmarks.ledger pages        # of ten million rows, and deletion under load
    python -m benchmarks.ledger outage       # PostgreSQL stopped and started under load
    python -m benchmarks.ledger bursts       # 100 bursts with one atypical row each
    python -m benchmarks.ledger simulation   # 1,000 bursts through the observer, without a server

Databases are temporary; ten million rows take 8 GB. PostgreSQL is started from the installed
binaries. If build/bench has no network, one is trained for an epoch and exported.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from benchmarks.ledger.bursts import bursts
from benchmarks.ledger.deletion import deletion
from benchmarks.ledger.filling import DAYS, fill
from benchmarks.ledger.outage import outage
from benchmarks.ledger.pages import page_times
from benchmarks.ledger.postgres import postgres
from benchmarks.ledger.server import with_ledger
from benchmarks.ledger.simulation import simulate
from benchmarks.ledger.throughput import costs
from benchmarks.serving.__main__ import BUILD
from benchmarks.serving.bodies import instances, random_rows
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.networks import Network, network
from benchmarks.serving.servers import running
from benchmarks.serving.wrk import require_wrk
from service.classifier import read_metadata
from service.database_url import read_database_url
from service.ledger.fields import model_key

NETWORK = "dense-10"
ROWS = 10_000_000
BURSTS, SIMULATED_BURSTS = 100, 1000
OUTAGES = ((5, "fast"), (5, "immediate"), (40, "fast"))  # seconds, and the mode of pg_ctl stop


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ledger",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("benchmark", choices=tuple(BENCHMARKS))
    parser.add_argument("--rows", type=int, default=ROWS, help="number of rows for `pages`")
    parser.add_argument("--pairs", type=int, default=30, help="rounds of `throughput`")
    parser.add_argument("--bursts", type=int, help="bursts of `bursts` or `simulation`")
    return parser.parse_args()


def main() -> None:
    """Print a line of JSON for each result."""
    options = arguments()
    try:
        for result in BENCHMARKS[options.benchmark](options):
            print(json.dumps(asdict(result)), flush=True)
    except BenchmarkError as error:
        raise SystemExit(f"error: {error}") from error


def _network() -> Network:
    require_wrk()
    return network(BUILD, NETWORK)


def _throughput(options: argparse.Namespace) -> Iterator[Any]:
    """Compare the throughput with that of a server without a ledger."""
    served = _network()
    with postgres() as database:
        yield from costs(served, database.url, pairs=options.pairs, seconds=1)


def _outage(_options: argparse.Namespace) -> Iterator[Any]:
    """Stop and start the database."""
    served = _network()
    return (outage(served, outage_seconds=seconds, mode=mode) for seconds, mode in OUTAGES)


def _bursts(options: argparse.Namespace) -> Iterator[Any]:
    """Send bursts to a server with each kind of database."""
    with tempfile.TemporaryDirectory() as folder, postgres() as server:
        for url in (f"sqlite:///{folder}/ledger.db", server.url):
            yield bursts(url, options.bursts or BURSTS)


def _simulation(options: argparse.Namespace) -> Iterator[Any]:
    """Sample simulated bursts."""
    return simulate(options.bursts or SIMULATED_BURSTS)


def _pages(options: argparse.Namespace) -> Iterator[Any]:
    """Fill a ledger, time its pages, and delete old rows under load."""
    served, rows = _network(), options.rows
    first = instances("/predict", random_rows(1, served.size))
    with tempfile.TemporaryDirectory() as folder, postgres() as server:
        for url in (f"sqlite:///{folder}/ledger.db", server.url):
            database = read_database_url(url)
            assert database is not None
            fill(database, rows, model_key(read_metadata(served.file.read_bytes())))
            # A retention longer than the ledger deletes nothing.
            with running(with_ledger(url, days=str(2 * DAYS)), served.file, first) as serving:
                yield from page_times(serving, rows)
            for days in (2 * DAYS, 0.95 * DAYS):
                yield deletion(served, url, days=days, seconds=10)


BENCHMARKS = {
    "throughput": _throughput,
    "pages": _pages,
    "outage": _outage,
    "bursts": _bursts,
    "simulation": _simulation,
}

if __name__ == "__main__":
    main()
