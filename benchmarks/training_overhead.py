"""Time per epoch of this project's training, compared with a minimal loop in torch.

    .venv/bin/python -m benchmarks.training_overhead FOLDER_OF_MNIST [--epochs 3] [--rounds 3]

Both train `dense-10` on the same rows with AdamW on one cycle, clipped gradients and batches of
128, without augmentation. The minimal loop computes H and T by two separate products and does
nothing but shuffle, forward, backward and step. It runs once with torch's default AdamW and once
with the fused one, which the project uses. Rounds alternate between the three; the results are
ratios of the medians of the seconds per epoch.
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


class MinimalHighway(nn.Module):
    """A highway layer with two separate products, as in the paper."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.transform, self.gate = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.constant_(self.gate.bias, -1.0)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, width) to (batch, width)."""
        gate = torch.sigmoid(self.gate(x))
        return gate * torch.relu(self.transform(x)) + (1 - gate) * x


def minimal_epochs(data: Dataset, config: TrainConfig, *, fused: bool) -> list[float]:
    """Train with the minimal loop; return the seconds of every epoch."""
    torch.manual_seed(0)
    x, y = torch.from_numpy(data.train.x), torch.from_numpy(data.train.y)
    x = (x - x.mean()) / x.std()
    layers = [MinimalHighway(50) for _ in range(9)]
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


def project_epochs(data: Dataset, source: Source, config: TrainConfig) -> list[float]:
    """Train with the project; return the seconds of every epoch."""
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
    """Measure the three alternately and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mnist")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    source = Source.of(arguments.mnist, validation_share=0.0)
    data = load(source)
    config = TrainConfig(
        epochs=arguments.epochs, batch_size=128, shift=0.0, rotate_degrees=0.0, scale=0.0
    )
    minimal: list[float] = []
    minimal_fused: list[float] = []
    project: list[float] = []
    for _ in range(arguments.rounds):
        minimal += minimal_epochs(data, config, fused=False)
        minimal_fused += minimal_epochs(data, config, fused=True)
        project += project_epochs(data, source, config)
    lines = [f"rows {len(data.train):,}, threads {torch.get_num_threads()}; seconds per epoch:"]
    for name, seconds in (
        ("minimal", minimal),
        ("minimal, fused AdamW", minimal_fused),
        ("project", project),
    ):
        ratio = statistics.median(project) / statistics.median(seconds)
        times = " ".join(f"{second:.2f}" for second in seconds)
        lines.append(f"{name:22}{times}  project is {ratio:.2f} times this")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
