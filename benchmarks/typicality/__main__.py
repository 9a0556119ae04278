"""AUROC of scores that separate atypical inputs from normal ones, on MNIST, by kind of input.

    python -m benchmarks.typicality --mnist FOLDER [--seeds 5] [--out docs/typicality]

FOLDER holds MNIST's four files. Networks that are missing in --runs are trained there. The results
are written to results.json after every network; `python -m docs.draw_typicality` draws them.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from benchmarks.typicality.inputs import atypical_inputs
from benchmarks.typicality.networks import EPOCHS, Networks
from benchmarks.typicality.results import Results
from benchmarks.typicality.trial import measure_network
from models.data.source import Source, load


def main() -> None:
    """Train the missing networks and measure all of them."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.typicality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--mnist", required=True, metavar="FOLDER", help="MNIST's four files")
    parser.add_argument("--seeds", type=int, default=5, help="networks of each preset")
    parser.add_argument("--out", type=Path, default=Path("docs/typicality"), help="for the results")
    parser.add_argument("--runs", type=Path, default=Path("build/typicality"), help="for the runs")
    options = parser.parse_args()
    torch.set_num_threads(1)
    source = Source.of(options.mnist)
    networks = Networks(source=source, dataset=load(source), runs=options.runs)
    kinds, results = atypical_inputs(networks.dataset.test), Results()
    for name in EPOCHS:
        for seed in range(options.seeds):
            network = networks.trained(name, seed).network()
            result = measure_network(network, networks.dataset, kinds, preset=name, seed=seed)
            results.networks.append(result)
            results.write(options.out / "results.json")
            means = {key: f"{np.mean([*by.values()]):.4f}" for key, by in result.auroc.items()}
            print(name, seed, means, f"{result.seconds} s", flush=True)


if __name__ == "__main__":
    main()
