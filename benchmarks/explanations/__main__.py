"""Time of explanations, and occlusion compared with gradients; fills the page of measurements.

    python -m benchmarks.explanations [--runs FOLDER] [--rows 200] [--rounds 30] [--only TABLE …]

Networks that are missing in the folder of runs are trained there, which takes a few minutes.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from benchmarks.explanations import counterfactuals, faithfulness, speed
from benchmarks.explanations.networks import BREAST_CANCER, SUBJECTS, Subject, twenty_columns
from benchmarks.serving.machine import description
from benchmarks.serving.page import filled, table
from benchmarks.serving.servers import ROOT
from service.settings import BUNDLED_MODEL

PAGE = ROOT / "docs" / "measurements" / "explanations.md"
SEVEN = ROOT / "examples" / "seven.json"
TABLES = ("speed", "correlation", "deletion", "counterfactuals")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.explanations",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=Path, default=ROOT / "build" / "explanations")
    parser.add_argument("--rows", type=int, default=200, help="test rows of each network")
    parser.add_argument("--rounds", type=int, default=30, help="measurements of each time")
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--only", nargs="+", choices=TABLES, default=TABLES, metavar="TABLE")
    return parser.parse_args()


def main() -> None:
    """Measure, print each table when it is complete, and write the page."""
    options = arguments()
    torch.set_num_threads(1)
    machine = description()
    parts = {
        "machine": f"{machine['processor']}, {machine['cores']} cores, load before the benchmark "
        f"{machine['load_before']}, onnxruntime {machine['onnxruntime']}, torch "
        f"{torch.__version__}."
    }
    if "speed" in options.only:
        cases = speed_cases(options.runs)
        parts["speed"] = table([speed.measured(*case, options.rounds) for case in cases])
    if {"correlation", "deletion"} & {*options.only}:
        results = [
            faithfulness.compared(subject, options.rows)
            for subject in (Subject.trained(options.runs, name) for name in SUBJECTS)
        ]
        parts["correlation"] = table([result.correlation_row() for result in results])
        parts["deletion"] = table([row for result in results for row in result.deletion_rows()])
    if "counterfactuals" in options.only:
        subject = Subject.trained(options.runs, BREAST_CANCER)
        parts["counterfactuals"] = table([counterfactuals.measured(subject, options.rows)])
    shown = {name: part for name, part in parts.items() if name in ("machine", *options.only)}
    print("\n\n".join(f"{name}\n\n{part}" for name, part in shown.items()))
    options.page.write_text(filled(options.page.read_text(), shown))


def speed_cases(runs: Path) -> list[tuple[str, Path, list[float | None]]]:
    """Return the name of each row, the model that predicts it, and its values."""
    twenty = twenty_columns(runs)
    seven = np.array(json.loads(SEVEN.read_text())["instances"][0]).reshape(-1).tolist()
    return [
        ("a seven of 28×28 pixels", BUNDLED_MODEL, seven),
        ("a blurred digit of 28×28 pixels", BUNDLED_MODEL, speed.golden_row(BUNDLED_MODEL)),
        ("20 columns", twenty, speed.golden_row(twenty)),
    ]


if __name__ == "__main__":
    main()
