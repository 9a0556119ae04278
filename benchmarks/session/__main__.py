"""Time and memory of onnxruntime sessions, by their options; renews docs/measurements/session.md.

    python -m benchmarks.session [--models FOLDER] [--rounds 9] [--only TABLE …]

Networks that are missing in the folder of models are trained for one epoch and exported, those of
the table int8 in both precisions. Each configuration has a process of its own, and they alternate.
"""

import argparse
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.machine import description
from benchmarks.serving.networks import CONVOLUTIONAL, network
from benchmarks.serving.page import filled, table
from benchmarks.serving.servers import ROOT
from benchmarks.session import measurements
from benchmarks.session.measurements import Row

NETWORKS = ("dense-10", "dense-100", CONVOLUTIONAL)
INT8_NETWORKS = ("dense-10", "dense-100", "mnist-conv-16", "mnist-conv-32")
INT8 = "int8"
PAGE = ROOT / "docs" / "measurements" / "session.md"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.session",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--models", type=Path, default=ROOT / "build" / "bench", help="folder of dense-10.onnx, …"
    )
    parser.add_argument("--networks", nargs="+", default=NETWORKS, help="of all tables but int8")
    parser.add_argument("--int8", nargs="+", default=INT8_NETWORKS, help="networks of this table")
    parser.add_argument("--rounds", type=int, default=9, help="measurements of each time")
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--only", nargs="+", metavar="TABLE", help="write only these tables")
    return parser.parse_args()


def tables(options: argparse.Namespace) -> dict[str, Callable[[], Iterable[Row]]]:
    """Return what measures each table, by the name of its marker; makes the missing files."""
    models, rounds, names = options.models, options.rounds, options.only
    files: list[Path] = []
    if names is None or set(names) - {INT8}:
        files = [network(models, title).file for title in options.networks]
    all_tables: dict[str, Callable[[], Iterable[Row]]] = {
        "allocation": lambda: measurements.allocation_times(files, rounds),
        "memory": lambda: measurements.resident_memory(files),
        "options": lambda: measurements.option_times(files, rounds),
        "threads": lambda: measurements.thread_times(files, 3 * rounds),
        "delays": lambda: measurements.delays(files, rounds),
        INT8: lambda: measurements.int8_times(pairs(models, options.int8), rounds),
    }
    return {name: all_tables[name] for name in names or all_tables}


def pairs(models: Path, titles: Iterable[str]) -> list[tuple[Path, Path]]:
    """Return the files of each network in float32 and in int8."""
    return [
        (network(models, title).file, network(models, title, int8=True).file) for title in titles
    ]


def main() -> None:
    """Measure, print each table when it is complete, and write the page."""
    options = arguments()
    machine = description()
    parts = {
        "machine": f"{machine['processor']}, {machine['cores']} cores, load before the benchmark "
        f"{machine['load_before']}, Python {machine['python']}, onnxruntime "
        f"{machine['onnxruntime']}, {os.confstr('CS_GNU_LIBC_VERSION')}."
    }
    try:
        for name, rows in tables(options).items():
            parts[name] = table(list(rows()))
            print(f"{name}\n\n{parts[name]}\n", flush=True)
    except BenchmarkError as error:
        raise SystemExit(f"error: {error}") from error
    options.page.write_text(filled(options.page.read_text(), parts))


if __name__ == "__main__":
    main()
