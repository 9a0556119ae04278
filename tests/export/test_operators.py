"""The service's allow-list, compared with what exports of every kind of network use."""

from collections import defaultdict
from pathlib import Path
from typing import get_args

import numpy as np
import onnx
import pytest
import torch

from export.graph import build_graph
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
from models.networks.layers import ActivationName
from models.networks.network import HighwayClassifier, NetworkConfig
from models.networks.preparation import Columns, Contrast
from service.graph_rules import check_graph
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


@pytest.fixture(scope="module")
def graphs(artifact_path: Path) -> list[ModelGraph]:
    torch.manual_seed(0)
    rows = np.random.default_rng(0).random((64, 64), np.float32)
    models = [table_network(), image_network(), quantise(onnx.load(artifact_path), rows)]
    return [read_graph(model.SerializeToString()) for model in models]


def test_a_network_of_every_kind_passes_the_services_rules(graphs: list[ModelGraph]) -> None:
    for graph in graphs:
        check_graph(graph)


def test_the_allow_list_is_what_exports_use(graphs: list[ModelGraph]) -> None:
    used: dict[str, dict[str, int]] = defaultdict(dict)
    for node in (node for graph in graphs for node in graph.nodes):
        used[node.operator].update({a.name: a.kind for a in node.attributes})
    assert used == {name: operator.attributes for name, operator in OPERATORS.items()}
