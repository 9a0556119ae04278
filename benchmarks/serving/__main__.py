"""Load the server, a plain FastAPI service and onnxruntime alone with the same ONNX files.

    python -m benchmarks.serving [--quick] [--models FOLDER] [--layers 10 50 100]

Needs wrk and Linux. Networks that are missing in the folder are trained for one epoch and exported.
The results are written to docs/serving/results.json; `python -m docs.draw_serving` puts them into
docs/measurements/serving.md. `make bench` does both. A full measurement takes about twenty minutes
on a machine that does nothing else.
"""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.machine import description
from benchmarks.serving.networks import network
from benchmarks.serving.results import Results
from benchmarks.serving.servers import ROOT
from benchmarks.serving.session import Plan, Session
from benchmarks.serving.wrk import require_wrk

BUILD = ROOT / "build" / "bench"
LAYERS = (10, 50, 100)
QUICK = Plan(
    seconds=1,
    clients=(1, 16),
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
        "--quick", action="store_true", help="measure everything briefly, in a minute"
    )
    parser.add_argument("--models", type=Path, default=BUILD, help="folder of dense-10.onnx, …")
    parser.add_argument("--layers", type=int, nargs="+", help="default 10 50 100, or 10 if quick")
    parser.add_argument("--seconds", type=int, help="duration of each closed-loop load")
    parser.add_argument("--idle-seconds", type=float, help="duration of the idle measurement")
    parser.add_argument(
        "--out", type=Path, help="default docs/serving/results.json; in build/bench if quick"
    )
    return parser.parse_args()


def main() -> None:
    """Measure one network after another; write the file after each measurement."""
    options = arguments()
    plan = QUICK if options.quick else Plan()
    chosen = {"seconds": options.seconds, "idle_seconds": options.idle_seconds}
    plan = replace(plan, **{key: value for key, value in chosen.items() if value is not None})
    layers = options.layers or (LAYERS[:1] if options.quick else LAYERS)
    out = options.out or (BUILD if options.quick else ROOT / "docs" / "serving") / "results.json"
    try:
        require_wrk()
        results = Results(machine=description())
        networks = [network(options.models, depth) for depth in sorted(layers)]
        for served in networks:
            # Only a deep network makes the server slower than the client.
            for record in Session(served, plan).records(overloads=served is networks[-1]):
                print(json.dumps(asdict(record)), flush=True)
                results.add(record)
                results.write(out)
    except BenchmarkError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
