"""AUROC of what tells unusual inputs from normal ones, on MNIST, by kind of input.

    python -m benchmarks.unusual --mnist FOLDER [--seeds 5] [--out docs/unusual] [--runs FOLDER]

FOLDER holds MNIST's four files. Networks that --runs has not got yet are trained there. What is
found is written to results.json after every network, and `python -m docs.draw_unusual` draws it.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from benchmarks.unusual.kinds import unusual_inputs
from benchmarks.unusual.networks import EPOCHS, Networks
from benchmarks.unusual.results import Results
from benchmarks.unusual.trial import tried
from models.data.source import Source, load


def main() -> None:
    """Train what is not trained yet, and measure."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.unusual",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--mnist", required=True, metavar="FOLDER", help="MNIST's four files")
    parser.add_argument("--seeds", type=int, default=5, help="networks of each preset")
    parser.add_argument("--out", type=Path, default=Path("docs/unusual"), help="for results.json")
    parser.add_argument("--runs", type=Path, default=Path("build/unusual"), help="for the runs")
    given = parser.parse_args()
    torch.set_num_threads(1)
    source = Source.of(given.mnist)
    networks = Networks(source=source, dataset=load(source), runs=given.runs)
    kinds, results = unusual_inputs(networks.dataset.test), Results()
    for name in EPOCHS:
        for seed in range(given.seeds):
            network = networks.trained(name, seed).network()
            found = tried(network, networks.dataset, kinds, preset=name, seed=seed)
            results.networks.append(found)
            results.write(given.out / "results.json")
            means = {key: f"{np.mean([*by.values()]):.4f}" for key, by in found.auroc.items()}
            print(name, seed, means, f"{found.seconds} s", flush=True)


if __name__ == "__main__":
    main()
