"""Measure the processor time of a request, and of each feature, without kernel and network.

    python -m benchmarks.request_cost FILE.onnx [--quick] [--write]

Connections in memory send requests to the server in this process. `--write` puts the tables into
docs/measurements/request_cost.md. Takes about three minutes on a machine that does nothing else.
"""

import argparse
from pathlib import Path

import uvloop

from benchmarks.request_cost.differences import Plan, Rounds
from benchmarks.request_cost.tables import Tables
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.machine import description
from benchmarks.serving.page import filled
from benchmarks.serving.servers import ROOT

PAGE = ROOT / "docs" / "measurements" / "request_cost.md"
QUICK = Plan(
    usual=Rounds(pairs=3, warm=0.006, seconds=0.006),
    counted=Rounds(pairs=3, warm=0.01, seconds=0.02),
    written=Rounds(pairs=2, warm=0.01, seconds=0.3),
)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.request_cost",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE.onnx", help="artifact to serve")
    parser.add_argument("--quick", action="store_true", help="a few short measurements")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    return parser.parse_args()


def main() -> None:
    """Measure, print each table when it is complete, and write the page."""
    options = arguments()
    file: Path = options.file.resolve()
    parts = {"machine": machine(file)}
    try:
        parts |= uvloop.run(measured(file, QUICK if options.quick else Plan()))
    except BenchmarkError as error:
        raise SystemExit(f"error: {error}") from error
    if options.write:
        PAGE.write_text(filled(PAGE.read_text(), parts))


async def measured(file: Path, plan: Plan) -> dict[str, str]:
    """Return every table by its marker in the page."""
    parts = {}
    async for name, text in Tables(file, plan).all():
        print(f"{name}\n\n{text}\n", flush=True)
        parts[name] = text
    return parts


def machine(file: Path) -> str:
    """Describe the network and the machine."""
    found = description()
    packages = ", ".join(
        f"{name} {found[name]}"
        for name in ("python", "onnxruntime", "numpy", "uvloop", "httptools")
    )
    return (
        f"`{file.stem}` on {found['processor']}, {found['cores']} cores, load before the benchmark "
        f"{found['load_before']}; {packages}."
    )


if __name__ == "__main__":
    main()
