"""Fixtures of the pruning tests: random networks, and a run whose layers compute known values."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.data.dataset import Part
from models.data.source import Source, load
from models.gates.record import record_gates
from models.kept_rows import KeptRows
from models.networks.blocks import (
    Block,
    ConvBlock,
    DenseBlock,
    DropoutBlock,
    HighwayBlock,
    HighwayConvBlock,
    MaxPoolBlock,
)
from models.networks.layers import HighwayDense, PlainDense
from models.networks.network import HighwayClassifier, NetworkConfig
from models.networks.preparation import Scale
from models.recipe import TrainConfig
from models.run import Run
from models.run_config import DataConfig, RunConfig

CLOSED, OPEN = -200.0, 200.0  # gate biases at which a gate is exactly 0 and exactly 1
DENSE_LAYERS, SPATIAL_LAYERS = 3, 5


def ignore_progress(_: int) -> None:
    pass


def random_network(spatial: bool, seed: int = 0) -> HighwayClassifier:
    """A network for rows of 36 numbers and three labels; if spatial, with every kind of block."""
    torch.manual_seed(seed)
    convolutions: tuple[Block, ...] = (
        ConvBlock(width=3, kernel=3),
        HighwayConvBlock(number=1, width=3, gate_bias=0.0),
        MaxPoolBlock(size=2, stride=2),
        DropoutBlock(rate=0.5),
        HighwayConvBlock(number=2, width=3, gate_kernel=1, gate_bias=0.0),
    )
    first = SPATIAL_LAYERS - DENSE_LAYERS + 1 if spatial else 1
    dense: tuple[Block, ...] = (
        DenseBlock(width=5),
        *(HighwayBlock(number=first + n, width=5, gate_bias=0.0) for n in range(DENSE_LAYERS)),
    )
    blocks = convolutions + dense if spatial else dense
    config = NetworkConfig(shape=(6, 6), classes=3, preparation=Scale(divisor=1.0), blocks=blocks)
    return HighwayClassifier(config).eval()


def random_rows(count: int = 50, seed: int = 0) -> Part:
    x = np.random.default_rng(seed).normal(size=(count, 36)).astype(np.float32)
    return Part(x=x, y=np.arange(count) % 3)


@torch.no_grad()
def logits(network: HighwayClassifier, part: Part) -> torch.Tensor:
    output: torch.Tensor = network(torch.from_numpy(part.x))[0]
    return output


def known_network() -> HighwayClassifier:
    """Four layers of four units that label x as 1 below 1 and above 2, and as 0 in between.

    The plain layer outputs (x, 0, 0, 0). Layers 1 and 3 both write max(0, x − 2) into the second
    unit, layer 3 with a gate of σ(3) = 0.9526. Layer 2 is closed. Layer 4 writes σ(10·(1 − x)) into
    the third unit, with a gate that depends on x. The fourth unit is always 0. The label is 1 where
    10 times the sum of the second and third units exceeds 1.
    """
    highway = (HighwayBlock(number=number, width=4) for number in range(1, 5))
    blocks: tuple[Block, ...] = (DenseBlock(width=4), *highway)
    network = HighwayClassifier(
        NetworkConfig(shape=(1,), classes=2, preparation=Scale(divisor=1.0), blocks=blocks)
    )
    for parameter in network.parameters():
        parameter.data.zero_()
    plain, *layers = network.blocks
    assert isinstance(plain, PlainDense)
    plain.linear.weight.data[0, 0] = 1.0
    for layer in layers:
        assert isinstance(layer, HighwayDense)
        layer.branches.bias.data[4:] = CLOSED
    first, _, third, fourth = layers
    for layer, bias in ((first, OPEN), (third, 3.0)):
        assert isinstance(layer, HighwayDense)
        layer.branches.weight.data[1, 0] = 1.0
        layer.branches.bias.data[1] = -2.0
        layer.branches.bias.data[5] = bias
    assert isinstance(fourth, HighwayDense)
    fourth.branches.bias.data[2] = 1.0
    fourth.branches.weight.data[6, 0] = -10.0
    fourth.branches.bias.data[6] = 10.0
    network.output.weight.data[1] = torch.tensor([0.0, 10.0, 10.0, 0.0])
    network.output.bias.data[1] = -1.0
    return network.eval()


def known_rows() -> Part:
    """20 rows at 0.5, 60 at 1.5 and 80 at 3, interleaved, with their labels."""
    x = np.tile([0.5, 1.5, 1.5, 1.5, 3.0, 3.0, 3.0, 3.0], 20).astype(np.float32)[:, None]
    return Part(x=x, y=(x[:, 0] != 1.5).astype(np.int64))


def known_run(
    path: Path,
    network: HighwayClassifier | None = None,
    *,
    validation_share: float = 0.25,
) -> Run:
    """Write the known network, or another, as a finished run on the known rows."""
    network = network or known_network()
    path.mkdir(parents=True)
    rows = known_rows()
    np.savez(path / "rows.npz", x=rows.x, y=rows.y)
    source = Source.of(str(path / "rows.npz"), validation_share=validation_share)
    dataset = load(source)
    config = RunConfig(
        preset="custom",
        source_revision="unknown",
        data=DataConfig.of(source, dataset),
        network=network.config,
        training=TrainConfig(epochs=3, batch_size=20, learning_rate=0.01),
    )
    run = Run.create(path / "run", config)
    run.append_metrics(test_rows=16, test_accuracy=1.0)
    gates = record_gates(network, dataset) if config.network.highway_blocks else None
    run.finish(network, gates, KeptRows.of(dataset))
    return run


def weights(run: Run) -> bytes:
    return (run.path / "model.safetensors").read_bytes()


def plain_network() -> HighwayClassifier:
    """A network of one plain layer."""
    config = known_network().config
    return HighwayClassifier(replace(config, blocks=config.blocks[:1]))


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The known network as a finished run; no test may change it."""
    return known_run(tmp_path_factory.mktemp("known") / "data")
