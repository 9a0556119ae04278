"""Load the server far above its capacity: goodput, refusals, health, recovery and fairness.

    python -m benchmarks.overload [--quick] [--model FILE] [--write]

Serves the bundled model on a free port. `--write` puts the tables into
docs/measurements/overload.md. Takes about three minutes on a machine that does nothing else.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from benchmarks.overload.scenarios import FORMS, Result, Scenarios
from benchmarks.serving.bodies import instances, random_rows
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.machine import description
from benchmarks.serving.networks import Network
from benchmarks.serving.page import filled, optional, table
from benchmarks.serving.servers import ROOT, project, running
from service.classifier import Classifier
from service.settings import BUNDLED_MODEL

PERCENTS, QUICK_PERCENTS = (50, 100, 150, 300), (300,)
SECONDS, QUICK_SECONDS = 5.0, 2.0
PAGE = ROOT / "docs" / "measurements" / "overload.md"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.overload",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="300 % only, and two seconds each")
    parser.add_argument(
        "--model", type=Path, default=BUNDLED_MODEL, help="default: the bundled one"
    )
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    return parser.parse_args()


def main() -> None:
    """Run every scenario; print each result as it comes."""
    options = arguments()
    metadata = Classifier.load(options.model).metadata
    network = Network(
        title=metadata.name,
        file=options.model.resolve(),
        name=metadata.name,
        size=metadata.input.size,
    )
    try:
        loads = open_loops(network, quick=options.quick)
        greedy = greedy_clients(network, quick=options.quick)
    except BenchmarkError as error:
        raise SystemExit(f"error: {error}") from error
    if options.write:
        machine = [{"what": key, "found": value} for key, value in description().items()]
        parts = {"loads": table(loads), "greedy": table(greedy), "machine": table(machine)}
        PAGE.write_text(filled(PAGE.read_text(), parts))


def open_loops(network: Network, *, quick: bool) -> list[dict[str, str]]:
    """Load with each form at each percentage of the capacity measured just before."""
    rows = []
    for form, number in FORMS:
        with _scenarios(network, quick=quick) as scenarios:
            rate = scenarios.capacity(form, number)
            for percent in QUICK_PERCENTS if quick else PERCENTS:
                result = scenarios.open_loop(form, number, rate=rate, percent=percent)
                rows.append(result_row(result, rate))
                print(rows[-1], flush=True)
    return rows


def greedy_clients(network: Network, *, quick: bool) -> list[dict[str, str]]:
    """Load with a greedy client of each format, and a small one beside it."""
    rows = []
    for form in dict(FORMS):
        with _scenarios(network, quick=quick) as scenarios:
            for result in scenarios.greedy(form):
                rows.append(result_row(result, None))
                print(rows[-1], flush=True)
    return rows


@contextmanager
def _scenarios(network: Network, *, quick: bool) -> Iterator[Scenarios]:
    first = instances("/predict", random_rows(1, network.size))
    with (
        running(project, network.file, first) as server,
        Scenarios(network, server, QUICK_SECONDS if quick else SECONDS) as scenarios,
    ):
        yield scenarios


def result_row(result: Result, capacity: float | None) -> dict[str, str]:
    """Format a result; `capacity` in requests per second."""
    values = asdict(result)
    return {
        "load": result.load,
        "offered /s": f"{result.offered:.0f}",
        "answered /s": f"{result.goodput:.0f}",
        "of capacity": optional(result.goodput / capacity if capacity else None, ".2f"),
        "accepted p50, p99 (ms)": (
            f"{optional(values['accepted_p50_ms'], '.0f')}, "
            f"{optional(values['accepted_p99_ms'], '.0f')}"
        ),
        "refused": str(result.refused),
        "refused p99 (ms)": optional(result.refused_p99_ms, ".0f"),
        "failed": str(result.failed),
        "health max (ms)": f"{result.health_max_ms:.0f}",
        "recovery (s)": f"{result.recovery_seconds:.2f}",
    }


if __name__ == "__main__":
    main()
