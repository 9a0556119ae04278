"""What the watch costs: the same server with and without it, loaded at the same time.

    python -m benchmarks.drift.cost MODEL.onnx [--rounds 24] [--seconds 3]

Both servers stand side by side under 16 clients each that send one row as JSON, so that whatever
else the machine does falls on both; told are the medians of requests a second and of processor
time per request. Needs wrk.
"""

import argparse
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from benchmarks.serving.bodies import Body, instances, random_rows
from benchmarks.serving.servers import Server, project, running
from benchmarks.serving.wrk import load, require_wrk
from service.classifier import Classifier

CLIENTS = 16
UNWATCHED = """
import sys
import service.inference.models as models
models.read_held_out = lambda metadata: None
from service.__main__ import main
sys.argv = ["service", "serve", sys.argv[1], "--port", sys.argv[2]]
main()
"""


def unwatched(file: Path, port: int) -> list[str]:
    """Return the command of the server that takes no artifact to tell held-out rows."""
    return [sys.executable, "-c", UNWATCHED, str(file), str(port)]


def measured(server: Server, body: Body, seconds: int) -> tuple[float, float]:
    """Return requests a second, and microseconds of processor time for each."""
    before = server.cpu_seconds()
    rate = load(server.port, body, clients=CLIENTS, seconds=seconds).requests_per_second
    return rate, (server.cpu_seconds() - before) / (rate * seconds) * 1e6


def main() -> None:
    """Measure and print a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--seconds", type=int, default=3)
    given = parser.parse_args()
    require_wrk()
    os.environ["HIGHWAY_LEDGER_URL"] = "off"
    body = instances("/predict", random_rows(1, Classifier.load(given.model).metadata.input.size))
    found: list[list[tuple[float, float]]] = []
    with (
        running(project, given.model, body) as watched,
        running(unwatched, given.model, body) as bare,
        ThreadPoolExecutor(2) as pool,
    ):
        for _ in range(given.rounds):
            jobs = [pool.submit(measured, each, body, given.seconds) for each in (watched, bare)]
            found.append([job.result() for job in jobs])
    for place, what in enumerate(("requests a second", "processor µs per request")):
        with_it, without = ([each[place] for each in one] for one in zip(*found, strict=True))
        shares = sorted(a / b for a, b in zip(with_it, without, strict=True))
        told = {
            "watched": round(median(with_it), 2),
            "unwatched": round(median(without), 2),
            "ratio, median": round(median(shares), 4),
            "from": round(shares[0], 3),
            "to": round(shares[-1], 3),
        }
        print(json.dumps({what: told}))


if __name__ == "__main__":
    main()
