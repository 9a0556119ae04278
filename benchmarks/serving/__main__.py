"""Load this server and its rivals in turn with the same ONNX files and requests.

    python -m benchmarks.serving [--quick] [--rivals FOLDER] [--models FOLDER]

Needs wrk and Linux. `make rivals` installs the rivals that need an environment of their own; those
that are missing are left out. Dense networks that are missing in the folder of models are trained
for one epoch and exported. The results are written to docs/serving/results.json after every
measurement, and `python -m docs.draw_serving` puts them into the pages, as often as needed.
`make bench` does both. A full measurement takes less than half an hour on a machine that does
nothing else.
"""

import argparse
import json
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.serving.contenders import PROJECT
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.machine import description
from benchmarks.serving.networks import network
from benchmarks.serving.results import LeftOut, Record, Results
from benchmarks.serving.rivals.installed import RIVALS, installed, missing, versions
from benchmarks.serving.servers import ROOT, project
from benchmarks.serving.session import Plan, Session
from benchmarks.serving.wrk import require_wrk

BUILD = ROOT / "build" / "bench"
QUICK = Plan(
    networks=("dense-10",),
    clients=(1, 16),
    rounds=1,
    starts=1,
    idle_seconds=1.0,
    pairs=1,
    percents=(50, 150),
    arrivals=("steady", "on and off"),
    open_seconds=1.0,
)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--quick", action="store_true", help="measure everything briefly, in two minutes"
    )
    parser.add_argument("--models", type=Path, default=BUILD, help="folder of dense-10.onnx, …")
    parser.add_argument(
        "--rivals",
        type=Path,
        default=ROOT / "build" / "rivals",
        help="folder of the rivals' environments (default: build/rivals)",
    )
    parser.add_argument(
        "--networks", nargs="+", help="default: dense-10 convolutional dense-100; dense-10 if quick"
    )
    parser.add_argument("--clients", type=int, nargs="+", help="default: 1 16 64; 1 16 if quick")
    parser.add_argument("--rounds", type=int, help="of the closed loop (default: 5; 1 if quick)")
    parser.add_argument("--seconds", type=int, help="of each closed-loop load (default: 1)")
    parser.add_argument(
        "--out", type=Path, help="default docs/serving/results.json; in build/bench if quick"
    )
    return parser.parse_args()


def plan_of(options: argparse.Namespace) -> Plan:
    """Return the plan with the changes of the command line."""
    chosen: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name in ("networks", "clients", "rounds", "seconds")
        if (value := getattr(options, name)) is not None
    }
    return replace(QUICK if options.quick else Plan(), **chosen)


def records(plan: Plan, rivals: Path, models: Path) -> Iterator[Record]:
    """Measure one network after another."""
    for name in RIVALS:
        if (sentence := missing(name, rivals)) is not None:
            yield LeftOut(sentence=sentence)
    commands = {PROJECT: project, **installed(rivals)}
    networks = [network(models, title) for title in plan.networks]
    for served in networks:
        session = Session(served, plan, commands)
        yield from session.records(overloads=served is networks[-1])


def main() -> None:
    """Measure; write the file after each measurement."""
    options = arguments()
    out = options.out or (BUILD if options.quick else ROOT / "docs" / "serving") / "results.json"
    # Stop the servers when the benchmark is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        require_wrk()
        rivals = options.rivals.resolve()
        results = Results(machine={**description(), **versions(rivals)})
        for record in records(plan_of(options), rivals, options.models):
            print(json.dumps(asdict(record)), flush=True)
            results.add(record)
            results.write(out)
    except BenchmarkError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
