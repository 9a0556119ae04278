"""The cost of drift detection: servers with and without it, under load at the same time.

    python -m benchmarks.drift.cost MODEL.onnx [--rounds 24] [--seconds 3]

Each server has 16 clients, which send one row as JSON. Both run side by side, so that other load on
the machine affects both. Prints medians of requests a second and of processor time per request.
Needs wrk.
"""

import argparse
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from benchmarks.serving.bodies import Body, instances, random_rows
from benchmarks.serving.footprint import load_with_cpu_time
from benchmarks.serving.servers import Server, project, running
from benchmarks.serving.wrk import require_wrk
from service.classifier import Classifier

CLIENTS = 16
WITHOUT_DRIFT = """
import sys
from service.contract import Metadata
Metadata.held_out = None
from service.__main__ import main
sys.argv = ["service", "serve", sys.argv[1], "--port", sys.argv[2]]
main()
"""


def without_drift(file: Path, port: int) -> list[str]:
    """Return the command of a server that ignores the artifact's held-out rows."""
    return [sys.executable, "-c", WITHOUT_DRIFT, str(file), str(port)]


def measure(server: Server, body: Body, seconds: int) -> tuple[float, float]:
    """Return requests a second, and microseconds of processor time per request."""
    measured = load_with_cpu_time(server, body, clients=CLIENTS, seconds=seconds)
    return measured.load.requests_per_second, measured.cpu_us


def main() -> None:
    """Measure, and print a line of JSON for each quantity."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--seconds", type=int, default=3)
    options = parser.parse_args()
    require_wrk()
    os.environ["HIGHWAY_LEDGER_URL"] = "off"
    body = instances("/predict", random_rows(1, Classifier.load(options.model).metadata.input.size))
    rounds: list[list[tuple[float, float]]] = []
    with (
        running(project, options.model, body) as with_drift,
        running(without_drift, options.model, body) as without,
        ThreadPoolExecutor(2) as pool,
    ):
        for _ in range(options.rounds):
            jobs = [
                pool.submit(measure, server, body, options.seconds)
                for server in (with_drift, without)
            ]
            rounds.append([job.result() for job in jobs])
    for index, quantity in enumerate(("requests a second", "processor µs per request")):
        first, second = ([pair[index] for pair in side] for side in zip(*rounds, strict=True))
        ratios = sorted(a / b for a, b in zip(first, second, strict=True))
        result = {
            "with drift": round(median(first), 2),
            "without": round(median(second), 2),
            "ratio, median": round(median(ratios), 4),
            "from": round(ratios[0], 3),
            "to": round(ratios[-1], 3),
        }
        print(json.dumps({quantity: result}))


if __name__ == "__main__":
    main()
