"""Accuracy against highway layers removed, beside networks of the same depth from scratch.

    python -m benchmarks.pruning MNIST-FOLDER RESULTS.json [--runs FOLDER]

trains networks of 20, 50 and 100 layers with three seeds (15 epochs), takes their layers out in
the order that `python -m models prune` finds, and measures test accuracy as they are, after four
epochs of fine-tuning, and of networks of that depth trained from scratch for all 19 epochs. The
results are written after every training, and a second call goes on where the first was stopped.
`python -m docs.draw_pruning` makes the picture of docs/pruning/results.json.
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
from models.pruning.attempts import finetuning
from models.pruning.ledger import Plan
from models.pruning.order import removal_order
from models.pruning.reduction import reduced
from models.pruning.session import ORDER_ROWS
from models.run import CONFIG, Run
from models.run_config import DataConfig, RunConfig
from models.training.trainer import train

EPOCHS, FINETUNE_EPOCHS = 15, 4
Point = dict[str, object]

SEEDS = (0, 1, 2)
LEFT = {20: (13, 8, 4, 2), 50: (32, 24, 16, 12, 8, 4), 100: (32, 16, 8)}


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The data, and the folder that keeps every run."""

    source: Source
    dataset: Dataset
    runs: Path

    def trained(self, config: RunConfig, name: str, start: HighwayClassifier | None = None) -> Run:
        """Train that configuration, or go on with it, or find it finished."""
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
        rows = self.dataset
        config = RunConfig.of(
            DataConfig.of(self.source, rows),
            chosen,
            preparation_for(rows.input, rows.train.x),
            name="custom",
        )
        # 50 and 100 layers differ in depth alone, so networks in between serve both.
        kind = "relu" if family == 20 else "tanh"
        return self.trained(config, f"{kind}-{depth}-layers-{epochs}-epochs-seed-{seed}")


def points(bench: Bench, family: int, seed: int) -> Iterator[Point]:
    """Yield one measurement after another for the network of `family` layers."""
    run = bench.scratch(family, family, seed, EPOCHS)
    network, config, dataset = run.network(), run.config(), bench.dataset
    blocks = network.config.highway_blocks
    whole: Point = {"depth": family, "seed": seed}
    yield whole | {"way": "as it is", "left": len(blocks)} | scores(network, dataset)
    order = removal_order(network, dataset.train.take(slice(ORDER_ROWS)), lambda done: None)
    numbers = [blocks[layer].number for layer in order]
    plan = Plan(run=str(run.path), finetune_epochs=FINETUNE_EPOCHS)
    training = finetuning(config.training, plan)
    for left in LEFT[family]:
        here = whole | {"left": left}
        smaller = reduced(network, config, dataset, numbers[: len(blocks) - left])
        yield here | {"way": "as it is"} | scores(smaller.network, dataset)
        tuned = bench.trained(
            replace(smaller.config, training=training),
            f"{family}-layers-{left}-left-seed-{seed}",
            smaller.network,
        )
        yield here | {"way": "fine-tuned"} | scores(tuned.network(), dataset)
        scratch = bench.scratch(family, left + 1, seed, EPOCHS + FINETUNE_EPOCHS)
        yield here | {"way": "from scratch"} | scores(scratch.network(), dataset)


def scores(network: HighwayClassifier, dataset: Dataset) -> Point:
    """Return the accuracies, in percent."""
    return {
        "validation": round(100 * evaluate(network, dataset.validation).accuracy, 3),
        "test": round(100 * evaluate(network, dataset.test).accuracy, 3),
    }


def main() -> None:
    """Measure everything, most wanted first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="folder of MNIST's four files")
    parser.add_argument("results", type=Path, help="JSON file to write")
    parser.add_argument("--runs", type=Path, default=Path("build/pruning"), help="for the runs")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    source = Source.of(arguments.data)
    bench = Bench(source=source, dataset=load(source), runs=arguments.runs)
    results: list[Point] = []
    for family in (50, 20, 100):
        for seed in SEEDS:
            for point in points(bench, family, seed):
                results.append(point)
                print(point, flush=True)
                arguments.results.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
