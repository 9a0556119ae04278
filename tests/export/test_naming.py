from collections import Counter
from pathlib import Path

import onnx
import pytest
from onnx import ModelProto

from export.graph import build_graph
from models.networks.network import HighwayClassifier
from models.networks.preparation import Standardise
from models.presets import PRESETS
from models.pruning.surgery import without_layers
from tests.export.serving_networks import served


@pytest.fixture(scope="module")
def model(artifact_path: Path) -> ModelProto:
    return onnx.load(artifact_path)


def test_every_node_is_named_after_its_layer(model: ModelProto) -> None:
    owners = Counter(node.name.partition("/")[0] for node in model.graph.node)
    assert list(owners) == [
        *("gate_scale", "preparation", "dense_1", "highway_1", "highway_2", "highway_3"),
        *("output", "answer", "unusualness"),
    ]
    assert [node.name for node in model.graph.node if node.name.startswith("highway_2/")] == [
        *("highway_2/Gemm", "highway_2/Split", "highway_2/Sigmoid", "highway_2/Mul"),
        *("highway_2/Relu", "highway_2/Sub", "highway_2/Mul_2", "highway_2/Add"),
    ]


def test_every_weight_is_named_after_its_layer(model: ModelProto) -> None:
    assert [tensor.name for tensor in model.graph.initializer] == [
        *("dense_1/linear.weight", "dense_1/linear.bias"),
        *(f"highway_{n}/branches.{part}" for n in (1, 2, 3) for part in ("weight", "bias")),
        *("output/weight", "output/bias", "preparation/mean", "preparation/spread"),
        *(f"unusualness/{part}" for part in ("weight", "bias", "to_means", "means_square")),
        *("unusualness/adders", "unusualness/score_bends", "unusualness/score_knots"),
        *("unusualness/score_slopes", "unusualness/sum_bends", "unusualness/sum_knots"),
        *("unusualness/sum_slopes", "unusualness/floor"),
        *(f"unusualness/Clip/constant_{place}" for place in (1, 2)),
        *("unusualness/Sub/constant_0", "unusualness/Clip_2/constant_1"),
        *("answer/Reshape/constant_1", "answer/ReduceMean/constant_1"),
        *("unusualness/ReduceMax/constant_1", "gate_scale"),
    ]


def test_what_is_unusual_has_a_room_of_its_own_whose_last_node_is_the_output(
    model: ModelProto,
) -> None:
    (last,) = [node for node in model.graph.node if "unusual" in node.output]
    assert last.name == "unusualness/Exp"
    products = [n for n in model.graph.node if n.name.startswith("unusualness/Gemm")]
    assert [node.input[1] for node in products] == [
        f"unusualness/{part}"
        for part in (
            *("weight", "to_means", "adders"),
            *("score_bends", "score_slopes", "sum_bends", "sum_slopes"),
        )
    ]


def test_no_two_tensors_share_a_name(model: ModelProto) -> None:
    names = [tensor.name for tensor in model.graph.initializer if tensor.name != "gate_scale"]
    names += [value.name for value in model.graph.input]
    names += [name for node in model.graph.node for name in node.output]
    assert len(set(names)) == len(names)


def test_a_pruned_networks_layers_keep_their_numbers() -> None:
    config = PRESETS["mnist-conv-16"].network(shape=(28, 28), classes=10, preparation=Standardise())
    network = without_layers(HighwayClassifier(config), [0, 1, 4])
    owners = {node.name.partition("/")[0] for node in build_graph(served(network)).graph.node}
    assert {name for name in owners if "_" in name} == {
        *("gate_scale", "conv_1", "max_pool_1", "max_pool_2", "max_pool_3"),
        *(f"highway_{number}" for number in (3, 4, 6, 7, 8)),
    }
