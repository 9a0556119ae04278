"""Load one and two worker processes: scaling, and how connections are spread among them.

    python -m benchmarks.workers [--quick] [--models FOLDER] [--write]

Compares the listener that the workers share with a listening socket for each worker (SO_REUSEPORT).
Needs wrk and Linux. `--write` puts the tables into docs/measurements/workers.md. Takes about four
minutes on a machine that does nothing else.
"""

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.machine import description
from benchmarks.serving.networks import Network, network
from benchmarks.serving.page import filled, table
from benchmarks.serving.servers import ROOT
from benchmarks.serving.wrk import require_wrk
from benchmarks.workers.load import OWN, SHARED, StoppedCell, WorkersCell, loads, stopped_worker
from benchmarks.workers.tables import loads as loads_table
from benchmarks.workers.tables import model, new_connections, scaling, stopped

NETWORKS = ("dense-10", "dense-100")
CLIENTS = (16, 64)
ROUNDS, QUICK_ROUNDS = 5, 1
PAGE = ROOT / "docs" / "measurements" / "workers.md"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.workers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="one round, in a minute")
    parser.add_argument(
        "--models", type=Path, default=ROOT / "build" / "bench", help="folder of dense-10.onnx, …"
    )
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    return parser.parse_args()


def measure(networks: list[Network], *, rounds: int) -> Iterator[WorkersCell]:
    """Load each network, and the first one also with a connection for each request."""
    for served in networks:
        yield from loads(served, CLIENTS, rounds=rounds, seconds=1)
    yield from loads(networks[0], CLIENTS[:1], rounds=rounds, seconds=1, keep_alive=False)


def tables(cells: list[WorkersCell], stops: list[StoppedCell]) -> dict[str, str]:
    """Return the parts of the page by the name of their marker."""
    machine = [{"what": key, "found": value} for key, value in description().items()]
    return {
        "machine": table(machine),
        "loads": loads_table(cells),
        "scaling": scaling(cells, len(os.sched_getaffinity(0))),
        "stopped": stopped(stops),
        "model": model(cells),
        "new connections": new_connections(cells),
    }


def main() -> None:
    """Measure; print each result as it comes."""
    options = arguments()
    cells, stops = [], []
    try:
        require_wrk()
        networks = [network(options.models, title) for title in NETWORKS]
        for sockets in (SHARED, OWN):
            stops.append(stopped_worker(networks[0], sockets))
            print(json.dumps(asdict(stops[-1])), flush=True)
        for cell in measure(networks, rounds=QUICK_ROUNDS if options.quick else ROUNDS):
            print(json.dumps(asdict(cell)), flush=True)
            cells.append(cell)
    except BenchmarkError as error:
        raise SystemExit(f"error: {error}") from error
    if options.write:
        PAGE.write_text(filled(PAGE.read_text(), tables(cells, stops)))


if __name__ == "__main__":
    main()
