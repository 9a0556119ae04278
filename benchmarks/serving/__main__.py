"""The server under load, beside the obvious service and onnxruntime alone, on one ONNX file each.

    python -m benchmarks.serving [--quick] [--models FOLDER] [--layers 10 50 100]

needs wrk and Linux. Networks that the folder lacks are trained for an epoch and exported. What is
found is written to docs/serving/results.json, and stands in docs/serving.md after
`python -m docs.draw_serving`; `make bench` does both. The whole takes about twenty minutes and
needs a machine that does nothing else.
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
    parser.add_argument("--quick", action="store_true", help="try everything out in a minute")
    parser.add_argument(
        "--models", type=Path, default=BUILD, help="folder of dense-10.onnx and so on"
    )
    parser.add_argument("--layers", type=int, nargs="+", help="depths; 10 50 100, or 10 if quick")
    parser.add_argument("--seconds", type=int, help="for each cell of the closed loop")
    parser.add_argument("--idle-seconds", type=float, help="for the idle servers")
    parser.add_argument("--out", type=Path, help="the JSON file; build/bench/… if quick")
    return parser.parse_args()


def main() -> None:
    """Measure network by network; what was found so far is in the file at any time."""
    given = arguments()
    plan = QUICK if given.quick else Plan()
    chosen = {"seconds": given.seconds, "idle_seconds": given.idle_seconds}
    plan = replace(plan, **{key: value for key, value in chosen.items() if value is not None})
    layers = given.layers or (LAYERS[:1] if given.quick else LAYERS)
    out = given.out or (BUILD if given.quick else ROOT / "docs" / "serving") / "results.json"
    try:
        require_wrk()
        results = Results(machine=description())
        networks = [network(given.models, depth) for depth in sorted(layers)]
        for each in networks:
            # Deep networks make the server slow enough for a client to outrun it.
            for record in Session(each, plan).records(overloads=each is networks[-1]):
                print(json.dumps(asdict(record)), flush=True)
                results.add(record)
                results.write(out)
    except BenchmarkError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
