"""Fixtures of several test files: the trained network of 8×8 digits, and its data."""

from pathlib import Path

import pytest
import torch

from models.data.dataset import Dataset
from models.networks.blocks import Block, DenseBlock, HighwayBlock
from models.networks.network import HighwayClassifier, NetworkConfig
from models.networks.preparation import Scale
from models.run import Run


@pytest.fixture(scope="module")
def network(run_path: Path) -> HighwayClassifier:
    """Three highway layers of eight units, trained on 8×8 digits."""
    return Run(run_path).network()


@pytest.fixture(scope="module")
def dataset(run_path: Path) -> Dataset:
    return Run(run_path).dataset()


def untrained(seed: int, gate_bias: float, logit_scale: float = 1.0) -> HighwayClassifier:
    """A random network for 8×8 digits, with two highway layers of eight units."""
    torch.manual_seed(seed)
    layers = (HighwayBlock(number=number, width=8, gate_bias=gate_bias) for number in (1, 2))
    blocks: tuple[Block, ...] = (DenseBlock(width=8), *layers)
    config = NetworkConfig(shape=(8, 8), classes=10, preparation=Scale(divisor=16.0), blocks=blocks)
    network = HighwayClassifier(config).eval()
    network.output.weight.data *= logit_scale
    return network
