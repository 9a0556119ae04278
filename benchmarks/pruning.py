"""Accuracy by number of removed highway layers, compared with training from scratch.

    python -m benchmarks.pruning MNIST-FOLDER RESULTS.json [--runs FOLDER]

Trains networks of 20, 50 and 100 layers with three seeds for 15 epochs. Their layers are removed in
the order that `highway prune` determines. Test accuracy is measured without fine-tuning, after four
epochs of fine-tuning, and for networks of the same depth trained from scratch for 19 epochs. The
results are written after every training, and a second call resumes where the first was stopped.
`python -m docs.draw_pruning` draws docs/pruning/results.json.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from models.data.dataset import Dataset
from models.data.source import Source, load
from models.evaluation import evaluate
from models.networks.network import HighwayClassifier
from models.networks.preparation import preparation_for
from models.presets import preset
from models.pruning.attempts import finetune_config, reduced
from models.pruning.order import removal_order
from models.pruning.record import Plan
from models.pruning.session import ORDER_ROWS
from models.run import CONFIG, Run
from models.run_config import DataConfig, RunConfig
from models.training.trainer import train

EPOCHS, FINETUNE_EPOCHS = 15, 4
Point = dict[str, object]

SEEDS = (0, 1, 2)
LEFT = {20: (13, 8, 4, 2), 50: (32, 24, 16, 12, 8, 4), 100: (32, 16, 8)}


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """The data, and the folder of all runs."""

    source: Source
    dataset: Dataset
    runs: Path

    def trained(self, config: RunConfig, name: str, start: HighwayClassifier | None = None) -> Run:
        """Return the finished run of that name; train or resume it if necessary."""
        path = self.runs / name
        run = Run(path) if (path / CONFIG).is_file() else Run.create(path, config)
        if not run.finished:
            train(run, config, self.dataset, start=start, show_progress=False)
        return run

    def scratch(self, family: int, depth: int, seed: int, epochs: int) -> Run:
        """Train the preset of `family` layers at another depth."""
        chosen = preset(f"dense-{family}")
        chosen = replace(
            chosen, depth=depth, training=replace(chosen.training, epochs=epochs, seed=seed)
        )
        dataset = self.dataset
        config = RunConfig.of(
            DataConfig.of(self.source, dataset),
            chosen,
            preparation_for(dataset.input, dataset.train.x),
            name="custom",
        )
        # The presets of 50 and 100 layers differ only in depth, so they share shallower networks.
        kind = "relu" if family == 20 else "tanh"
        return self.trained(config, f"{kind}-{depth}-layers-{epochs}-epochs-seed-{seed}")


def points(benchmark: Benchmark, family: int, seed: int) -> Iterator[Point]:
    """Yield the measurements of the network of `family` layers."""
    run = benchmark.scratch(family, family, seed, EPOCHS)
    network, config, dataset = run.network(), run.config(), benchmark.dataset
    blocks = network.config.highway_blocks
    common: Point = {"depth": family, "seed": seed}
    yield common | {"method": "not fine-tuned", "left": len(blocks)} | scores(network, dataset)
    order = removal_order(network, dataset.train.take(slice(ORDER_ROWS)), lambda done: None)
    numbers = [blocks[layer].number for layer in order]
    plan = Plan(run=str(run.path), finetune_epochs=FINETUNE_EPOCHS)
    training = finetune_config(config.training, plan)
    for left in LEFT[family]:
        point = common | {"left": left}
        smaller = reduced(network, config, dataset, numbers[: len(blocks) - left])
        yield point | {"method": "not fine-tuned"} | scores(smaller.network, dataset)
        tuned = benchmark.trained(
            replace(smaller.config, training=training),
            f"{family}-layers-{left}-left-seed-{seed}",
            smaller.network,
        )
        yield point | {"method": "fine-tuned"} | scores(tuned.network(), dataset)
        scratch = benchmark.scratch(family, left + 1, seed, EPOCHS + FINETUNE_EPOCHS)
        yield point | {"method": "from scratch"} | scores(scratch.network(), dataset)


def scores(network: HighwayClassifier, dataset: Dataset) -> Point:
    """Return the accuracies, in percent."""
    return {
        "validation": round(100 * evaluate(network, dataset.validation).accuracy, 3),
        "test": round(100 * evaluate(network, dataset.test).accuracy, 3),
    }


def main() -> None:
    """Measure all networks, those of 50 layers first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="folder of MNIST's four files")
    parser.add_argument("results", type=Path, help="JSON file to write")
    parser.add_argument("--runs", type=Path, default=Path("build/pruning"), help="folder of runs")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    source = Source.of(arguments.data)
    benchmark = Benchmark(source=source, dataset=load(source), runs=arguments.runs)
    results: list[Point] = []
    for family in (50, 20, 100):
        for seed in SEEDS:
            for point in points(benchmark, family, seed):
                results.append(point)
                print(point, flush=True)
                arguments.results.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
