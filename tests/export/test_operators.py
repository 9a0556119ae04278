"""The service's allow-list, compared with what exports of every kind of network use."""

import warnings
from collections import defaultdict
from pathlib import Path
from typing import get_args

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from export.graph import _remove_traces, build_graph
from export.int8 import quantise
from models.networks.blocks import (
    AveragePoolBlock,
    Block,
    ConvBlock,
    DenseBlock,
    HighwayBlock,
    HighwayConvBlock,
    MaxPoolBlock,
)
from models.networks.columns import Columns
from models.networks.layers import ActivationName
from models.networks.network import HighwayClassifier, NetworkConfig
from models.networks.preparation import Contrast
from service.graph_rules import IR_VERSION, OPSET, check_graph
from service.model_graph import ModelGraph, read_graph
from service.operators import OPERATORS
from tests.export.untrained import served

NAN = float("nan")


def table_network() -> onnx.ModelProto:
    """All activations, a constant gate, and columns of every kind with missing values."""
    blocks: list[Block] = [DenseBlock(width=4)]
    for number, activation in enumerate(get_args(ActivationName), start=1):
        constant = activation == "sigmoid"
        blocks.append(
            HighwayBlock(number=number, width=4, activation=activation, constant_gate=constant)
        )
    columns = Columns(categories=(0, 3, 0), missing_flags=(True, True, False))
    config = NetworkConfig(shape=(3,), classes=3, preparation=columns, blocks=tuple(blocks))
    network = HighwayClassifier(config).eval()
    rows = torch.tensor([[20.0, 0, 1], [NAN, 2, 3], [40.0, NAN, 2], [NAN, NAN, NAN]])
    network.fit_preparation(rows)
    return build_graph(served(network, np.tile(rows.numpy(), (10, 1))))


def image_network() -> onnx.ModelProto:
    """All blocks for colour images, with separate and constant gates."""
    blocks: tuple[Block, ...] = (
        ConvBlock(width=4, padding=1),
        HighwayConvBlock(number=1, width=4),
        MaxPoolBlock(size=2, stride=2),
        HighwayConvBlock(number=2, width=4, gate_kernel=1),
        HighwayConvBlock(number=3, width=4, constant_gate=True),
        AveragePoolBlock(),
    )
    config = NetworkConfig(shape=(9, 8, 3), classes=3, preparation=Contrast(), blocks=blocks)
    return build_graph(served(HighwayClassifier(config).eval()))


class DateAndNumberSteps(nn.Module):
    """What preparations of dates and numbers compute: flags of week days, steps between bounds."""

    bounds: Tensor
    columns: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("bounds", torch.arange(1.0, 7.0))
        self.register_buffer("columns", torch.tensor([0, 2, 3]))

    def forward(self, x: Tensor) -> Tensor:
        bounds, chosen = self.bounds, x.index_select(1, self.columns)
        days = torch.floor(x)
        parts = [
            torch.remainder(days, 7.0) + torch.fmod(days, 7.0) + days // 7,
            torch.sin(x).abs() + torch.cos(x) - torch.sign(x),
            torch.clamp(x, bounds - 1, bounds),
            torch.minimum(x, bounds) + torch.maximum(x, bounds),
            torch.clamp((chosen.unsqueeze(2) - bounds) / bounds, 0, 1).flatten(1),
            (x.unsqueeze(2) >= bounds).to(x.dtype).flatten(1),
            ((x <= bounds) & (x > 1) | ~(x < 2) ^ (x != 3)).to(x.dtype),
            torch.nan_to_num(-x).ceil() + x.round() + x.trunc() + torch.special.erf(x),
        ]
        return torch.cat(parts, dim=1)


class UsualLayers(nn.Module):
    """Layers and reductions that torch users put around highway layers."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(4, 3)
        self.image = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.Hardswish(),
            nn.BatchNorm2d(4),
            nn.AvgPool2d(2, ceil_mode=True),
            nn.GroupNorm(2, 4),
            nn.Dropout2d(),
            nn.Flatten(),
        )
        self.dense = nn.Sequential(
            *(nn.Linear(8, 6), nn.LayerNorm(6), nn.RMSNorm(6), nn.Dropout(), nn.Identity()),
            *(nn.LeakyReLU(), nn.PReLU(), nn.Mish(), nn.SELU(), nn.Hardsigmoid(), nn.CELU()),
            *(nn.GELU("tanh"), nn.Softsign(), nn.LogSoftmax(dim=1)),
        )

    def forward(self, x: Tensor) -> Tensor:
        embedded = self.embedding(x[:, 0].long().clamp(0, 3))
        dense = self.dense(self.image(x.view(-1, 1, 3, 2)))
        product = x.view(-1, 2, 3) @ x.view(-1, 3, 2)
        scalars = [x.sum(1), x.amin(1), x.norm(dim=1), x[:, :1].squeeze(1)]
        return torch.cat([embedded, dense, product.flatten(1), torch.stack(scalars, 1)], dim=1)


def plain_graph(module: nn.Module) -> onnx.ModelProto:
    """The module as torch writes it, for rows of six values, without the traces of its source."""
    batch = torch.export.Dim("batch", min=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside torch's exporter
        program = torch.onnx.export(
            module.eval(),
            (torch.rand(2, 6),),
            dynamic_shapes=({0: batch},),
            opset_version=OPSET,
            external_data=False,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _remove_traces(model)
    model.ir_version = IR_VERSION
    return model


@pytest.fixture(scope="module")
def graphs(artifact_path: Path) -> list[ModelGraph]:
    torch.manual_seed(0)
    rows = np.random.default_rng(0).random((64, 64), np.float32)
    models = [
        *(table_network(), image_network(), quantise(onnx.load(artifact_path), rows)),
        *(plain_graph(DateAndNumberSteps()), plain_graph(UsualLayers())),
    ]
    return [read_graph(model.SerializeToString()) for model in models]


def test_a_network_of_every_kind_passes_the_services_rules(graphs: list[ModelGraph]) -> None:
    for graph in graphs:
        check_graph(graph)


def test_the_allow_list_is_what_exports_use(graphs: list[ModelGraph]) -> None:
    used: dict[str, dict[str, int]] = defaultdict(dict)
    for node in (node for graph in graphs for node in graph.nodes):
        used[node.operator].update({a.name: a.kind for a in node.attributes})
    assert used == {name: operator.attributes for name, operator in OPERATORS.items()}
