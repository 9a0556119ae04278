"""Simulate many replicas, calibrated on one: capacity, bursts, autoscaling, cost.

    python -m benchmarks.scale [--calibrate] [--validate] [--write] [--models FOLDER] [--only NAME]

`--calibrate` measures service times at a real server, `--validate` loads it above its capacity and
compares with the simulation, `--write` simulates and renews docs/scale.md, its pictures, and
docs/measurements/scale.md. The first two need Linux with two processors, and take a few minutes on
a machine that does nothing else.
"""

import argparse
from pathlib import Path

from benchmarks.scale import service_times, validation
from benchmarks.scale.calibration import calibrate
from benchmarks.scale.ledger_growth import measure as measure_ledger
from benchmarks.scale.ledger_growth import write as write_ledger
from benchmarks.scale.pages import CALIBRATION, LEDGER, VALIDATION, renew
from benchmarks.scale.validation import Case
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.machine import description
from benchmarks.serving.networks import CONVOLUTIONAL, network
from benchmarks.serving.servers import ROOT

NETWORKS = ("dense-10", CONVOLUTIONAL)
FORMS = (("JSON", 1), ("JSON", 32), ("binary", 1), ("binary", 32))
# A long queue first: on a machine with other programs, its waits exceed the stalls.
LONG_QUEUE = Case(
    network=CONVOLUTIONAL,
    form="binary",
    rows=32,
    max_queue_ms=2000,
    seconds=15,
    loads=("1.3 ×", "2 ×"),
)
CASES = (
    LONG_QUEUE,
    Case(network=CONVOLUTIONAL, form="binary", rows=32),
    Case(network=CONVOLUTIONAL, form="JSON", rows=1),
)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--calibrate", action="store_true", help="measure service times")
    parser.add_argument("--validate", action="store_true", help="load a server, and compare")
    parser.add_argument("--write", action="store_true", help="renew the pages and pictures")
    parser.add_argument(
        "--models", type=Path, default=ROOT / "build" / "bench", help="folder of dense-10.onnx"
    )
    parser.add_argument("--only", choices=NETWORKS, help="calibrate this network, keep the others")
    return parser.parse_args()


def calibrate_all(models: Path, only: str | None) -> None:
    """Measure all kinds of requests, and the ledger; print each result as it comes."""
    known = service_times.read(CALIBRATION).values() if only else ()
    cells = [cell for cell in known if cell.network != only]
    for title in (only,) if only else NETWORKS:
        served = network(models, title)
        for form, rows in FORMS:
            cells.append(calibrate(served, form, rows))
            print(cells[-1], flush=True)
    service_times.write(CALIBRATION, cells, description())
    write_ledger(LEDGER, measure_ledger(), description())


def validate_all(models: Path) -> None:
    """Calibrate again just before, so that the machine is the same; print each run as it comes."""
    runs = []
    for case in CASES:
        served = network(models, case.network)
        times = calibrate(served, case.form, case.rows)
        for run in validation.validate(served, times, case):
            print(run, flush=True)
            runs.append(run)
        validation.write(VALIDATION, runs, description())


def main() -> None:
    """Measure and write what the command line names."""
    options = arguments()
    if not (options.calibrate or options.validate or options.write):
        raise SystemExit("error: expected --calibrate, --validate or --write, found none of them")
    try:
        if options.calibrate:
            calibrate_all(options.models, options.only)
        if options.validate:
            validate_all(options.models)
        if options.write:
            renew()
    except (BenchmarkError, ValueError) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
