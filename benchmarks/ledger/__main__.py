"""The ledger measured; every figure of docs/ledger.md comes from here.

    python -m benchmarks.ledger throughput   # with and without it, turn by turn; needs wrk
    python -m benchmarks.ledger pages        # of ten million rows, and old rows deleted under load
    python -m benchmarks.ledger outage       # PostgreSQL stopped and started under load

PostgreSQL is one of its own, from the binaries that are installed, in a temporary folder, as the
files of SQLite are; ten million rows take eight gigabytes there. A network that build/bench lacks
is trained for an epoch and exported.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from benchmarks.ledger.clearing import clearing
from benchmarks.ledger.commands import with_ledger
from benchmarks.ledger.filling import DAYS, fill
from benchmarks.ledger.outage import outage
from benchmarks.ledger.pages import page_times
from benchmarks.ledger.postgres import postgres
from benchmarks.ledger.throughput import costs
from benchmarks.serving.__main__ import BUILD
from benchmarks.serving.bodies import instances, random_rows
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.networks import Network, network
from benchmarks.serving.servers import running
from benchmarks.serving.wrk import require_wrk
from service.ledger.address import read_address

LAYERS = 10
ROWS = 10_000_000
OUTAGES = ((5, "fast"), (5, "immediate"), (40, "fast"))  # seconds, and how it is stopped


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ledger",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=("throughput", "pages", "outage"))
    parser.add_argument(
        "--rows", type=int, default=ROWS, help="of the ledger whose pages are asked"
    )
    parser.add_argument("--pairs", type=int, default=30, help="turns of the throughput")
    return parser.parse_args()


def main() -> None:
    """Print a line of JSON for each finding."""
    given = arguments()
    try:
        require_wrk()
        served = network(BUILD, LAYERS)
        if given.what == "throughput":
            found = throughput(served, given.pairs)
        elif given.what == "pages":
            found = pages(served, given.rows)
        else:
            found = (outage(served, away_seconds=away, mode=mode) for away, mode in OUTAGES)
        for each in found:
            print(json.dumps(asdict(each)), flush=True)
    except BenchmarkError as error:
        raise SystemExit(f"error: {error}") from error


def throughput(served: Network, pairs: int) -> Iterator[Any]:
    """Measure what an answer costs more."""
    with postgres() as database:
        yield from costs(served, database.url, pairs=pairs, seconds=1)


def pages(served: Network, rows: int) -> Iterator[Any]:
    """Fill, ask for pages, and let old rows go under load."""
    first = instances("/predict", random_rows(1, served.size))
    with tempfile.TemporaryDirectory() as folder, postgres() as database:
        for url in (f"sqlite:///{folder}/ledger.db", database.url):
            address = read_address(url)
            assert address is not None
            fill(address, rows)
            # Nothing gets too old meanwhile.
            with running(with_ledger(url, days=str(2 * DAYS)), served.file, first) as server:
                yield from page_times(server, rows)
            for days in (2 * DAYS, 0.95 * DAYS):
                yield clearing(served, url, days=days, seconds=10)


if __name__ == "__main__":
    main()
