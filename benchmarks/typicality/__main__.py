"""AUROC of scores that separate atypical inputs from normal ones, on MNIST, by kind of input.

    python -m benchmarks.typicality --mnist FOLDER [--notmnist FOLDER] [--conv-runs FOLDER]

The folder of --mnist holds MNIST's four files, that of --notmnist the test images of notMNIST in
MNIST's format. The convolutional networks are those of the finished runs in the folder of
--conv-runs. Without it, and for the dense networks, runs that are missing in --runs are trained
there. The results are written to results.json after every network; `python -m
docs.draw_typicality` draws them.
"""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch

from benchmarks.typicality.inputs import KINDS, atypical_inputs
from benchmarks.typicality.networks import (
    CONVOLUTIONAL,
    FOLDERS,
    Networks,
    finished_runs,
    with_held_out_rows,
)
from benchmarks.typicality.outsiders import NOTMNIST, notmnist_letters
from benchmarks.typicality.results import Results
from benchmarks.typicality.trial import measure_run
from models.data.dataset import FloatRows
from models.data.source import Source, load
from models.errors import RunError
from models.run import Run


def main() -> None:
    """Train the missing networks and measure all of them."""
    options = _options()
    torch.set_num_threads(1)
    source = Source.of(options.mnist)
    networks = Networks(source=source, dataset=load(source), runs=options.runs)
    kinds = atypical_inputs(networks.dataset.test)
    if options.notmnist is not None:
        kinds[NOTMNIST] = notmnist_letters(options.notmnist, networks.dataset.test.x)
    for name in options.presets:
        if name == CONVOLUTIONAL and options.conv_runs is not None:
            runs = iter(finished_runs(name, options.conv_runs))
        else:
            runs = (networks.trained(name, seed) for seed in range(options.seeds))
        try:
            _measure(name, runs, kinds, options)
        except RunError as error:
            raise SystemExit(str(error)) from error


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.typicality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--mnist", required=True, metavar="FOLDER", help="MNIST's four files")
    parser.add_argument("--notmnist", type=Path, metavar="FOLDER", help="notMNIST's test images")
    parser.add_argument("--conv-runs", type=Path, metavar="FOLDER", help="finished trainings")
    parser.add_argument(
        "--presets",
        nargs="+",
        choices=FOLDERS,
        default=[*FOLDERS],
        help="to measure; the results of others are kept",
    )
    parser.add_argument("--seeds", type=int, default=5, help="networks of each preset")
    parser.add_argument("--out", type=Path, default=Path("docs/typicality"), help="for the results")
    parser.add_argument("--runs", type=Path, default=Path("build/typicality"), help="for the runs")
    return parser.parse_args()


def _measure(
    name: str, runs: Iterator[Run], kinds: Mapping[str, FloatRows], options: argparse.Namespace
) -> None:
    """Measure the runs of a preset, and write the results after each."""
    path = options.out / "results.json"
    results = Results.read(path).without(name) if path.is_file() else Results()
    for run in runs:
        dataset = with_held_out_rows(run.dataset(data=options.mnist))
        result = measure_run(run, dataset, kinds)
        results.networks.append(result)
        results.write(path)
        means = {
            score: f"{np.mean([by[kind] for kind in KINDS]):.4f}"
            for score, by in result.auroc.items()
        }
        print(name, result.seed, means, f"{result.seconds} s", flush=True)


if __name__ == "__main__":
    main()
