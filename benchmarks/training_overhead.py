"""What training by this project costs beside the barest loop of torch.

    .venv/bin/python -m benchmarks.training_overhead FOLDER_OF_MNIST [--epochs 3] [--rounds 3]

Both train `dense-10` on the same rows with AdamW on one cycle, clipped gradients and batches of
128, without augmentation. The bare loop computes H and T by two separate products, knows nothing
but forward, backward and step, and shuffles the rows itself; it runs once with torch's default
AdamW and once with the fused one that the project uses. Rounds alternate between the three; the
figures are ratios of the medians of their seconds for an epoch.
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.data.dataset import Dataset
from models.data.source import Source, load
from models.networks.preparation import preparation_for
from models.presets import preset
from models.recipe import TrainConfig
from models.run import Run
from models.run_config import DataConfig, RunConfig
from models.training.trainer import train


class BareHighway(nn.Module):
    """A highway layer as it stands in the paper: two products."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.transform, self.gate = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.constant_(self.gate.bias, -1.0)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, width) to (batch, width)."""
        gate = torch.sigmoid(self.gate(x))
        return gate * torch.relu(self.transform(x)) + (1 - gate) * x


def bare_epochs(data: Dataset, config: TrainConfig, *, fused: bool) -> list[float]:
    """Train by the bare loop; return the seconds of every epoch."""
    torch.manual_seed(0)
    x, y = torch.from_numpy(data.train.x), torch.from_numpy(data.train.y)
    x = (x - x.mean()) / x.std()
    layers = [BareHighway(50) for _ in range(9)]
    network = nn.Sequential(nn.Linear(784, 50), nn.ReLU(), *layers, nn.Linear(50, 10))
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, fused=fused)
    steps = config.epochs * -(-len(y) // config.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, steps)
    seconds = []
    for _ in range(config.epochs):
        began = time.perf_counter()
        for rows in torch.randperm(len(y)).split(config.batch_size):
            loss = functional.cross_entropy(network(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), config.gradient_clip)
            optimizer.step()
            schedule.step()
        seconds.append(time.perf_counter() - began)
    return seconds


def our_epochs(data: Dataset, source: Source, config: TrainConfig) -> list[float]:
    """Train by the project; return the seconds of every epoch."""
    run_config = RunConfig.of(
        DataConfig.of(source, data),
        replace(preset("dense-10"), training=config),
        preparation_for(data.input, data.train.x),
        name="dense-10",
    )
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(Path(folder) / "run", run_config)
        train(run, run_config, data)
        return [line["seconds"] for line in run.metrics() if "epoch" in line]


def main() -> None:
    """Measure both in turn and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mnist")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    source = Source.of(given.mnist, validation_share=0.0)
    data = load(source)
    config = TrainConfig(
        epochs=given.epochs, batch_size=128, shift=0.0, turn_degrees=0.0, stretch=0.0
    )
    bare: list[float] = []
    bare_fused: list[float] = []
    ours: list[float] = []
    for _ in range(given.rounds):
        bare += bare_epochs(data, config, fused=False)
        bare_fused += bare_epochs(data, config, fused=True)
        ours += our_epochs(data, source, config)
    lines = [f"rows {len(data.train):,}, threads {torch.get_num_threads()}; seconds an epoch:"]
    for name, seconds in (("bare", bare), ("bare, fused AdamW", bare_fused), ("project", ours)):
        ratio = statistics.median(ours) / statistics.median(seconds)
        times = " ".join(f"{second:.2f}" for second in seconds)
        lines.append(f"{name:18}{times}  project is {ratio:.2f} times this")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
