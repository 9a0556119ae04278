"""A run of a network of one's own, trained for a few steps."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.data.dataset import Dataset
from models.data.source import Source
from models.evaluation import evaluate
from models.gates.record import record_gates
from models.kept_rows import KeptRows
from models.networks import HighwayConv, HighwayDense
from models.networks.custom import CustomNetwork
from models.recipe import TrainConfig
from models.run import Run
from models.run_config import DataConfig, RunConfig

STEPS, BATCH = 30, 64


class Digits(nn.Module):
    """Convolutional, then dense highway layers with usual layers between them, for 8×8 images."""

    def __init__(self, head: nn.Module | None = None) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4))
        self.image = HighwayConv(4, kernel=3, gate_kernel=1)
        self.pool = nn.AvgPool2d(2)
        self.dense = nn.Sequential(
            *(nn.Flatten(), nn.LayerNorm(64), nn.Linear(64, 8), nn.LeakyReLU(), nn.Dropout(0.1)),
            *(HighwayDense(8), nn.Hardswish(), HighwayDense(8, activation="tanh")),
        )
        self.head = nn.Linear(8, 10) if head is None else head

    def forward(self, x: Tensor) -> Tensor:
        images = self.image(self.first(x.view(-1, 1, 8, 8) / 16))
        logits: Tensor = self.head(self.dense(self.pool(images)))
        return logits


def trained_run(path: Path, module: nn.Module, source: Source, data: Dataset) -> Run:
    """Train the module for a few steps, and write the run directory at `path`."""
    torch.manual_seed(0)
    network = CustomNetwork(
        module, row=data.input, classes=len(data.labels), example=data.train.x[:2]
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    x, y = torch.from_numpy(data.train.x), torch.from_numpy(data.train.y)
    network.train()
    for step in range(STEPS):
        rows = torch.arange(step * BATCH, (step + 1) * BATCH) % len(x)
        optimizer.zero_grad()
        functional.cross_entropy(network(x[rows])[0], y[rows]).backward()
        optimizer.step()
    network.eval()
    config = RunConfig.of_custom(DataConfig.of(source, data), network, TrainConfig())
    run = Run.create(path, config)
    run.append_test_metrics(network, evaluate(network, data.test))
    run.finish(network, record_gates(network, data), KeptRows.of(data))
    return run
