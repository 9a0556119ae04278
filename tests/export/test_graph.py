import numpy as np
import onnx
import pytest
import torch
from onnx import ModelProto, numpy_helper

from export.graph import build_graph
from models.network import HighwayClassifier
from models.presets import DensePreset

ALLOWED = {
    *("Add", "Concat", "Div", "Gemm", "Mul", "ReduceMean", "Relu", "Reshape", "Sigmoid"),
    *("Softmax", "Split", "Sub"),
}


def network() -> HighwayClassifier:
    torch.manual_seed(0)
    return HighwayClassifier(DensePreset(depth=3, width=4).network(features=6, classes=3)).eval()


@pytest.fixture(scope="module")
def model() -> ModelProto:
    return build_graph(network())


def axes(values: list[onnx.ValueInfoProto]) -> dict[str, list[str | int]]:
    return {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in values
    }


def test_the_graph_has_the_contracts_inputs_and_outputs(model: ModelProto) -> None:
    assert axes(list(model.graph.input)) == {"input": ["batch", 6], "gate_scale": ["rows", 2]}
    assert axes(list(model.graph.output)) == {
        "logits": ["batch", 3],
        "probabilities": ["batch", 3],
        "gate_mean": ["batch", 2],
        "gate_units": ["batch", 8],
    }


def test_gate_scale_has_a_default_of_ones(model: ModelProto) -> None:
    defaults = {tensor.name: tensor for tensor in model.graph.initializer}
    assert np.array_equal(numpy_helper.to_array(defaults["gate_scale"]), np.ones((1, 2)))


def test_the_graph_uses_plain_operators_of_one_pinned_opset(model: ModelProto) -> None:
    assert {node.op_type for node in model.graph.node} <= ALLOWED
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 20)]
    assert model.ir_version == 10
    assert not model.functions


def test_each_layer_is_one_product(model: ModelProto) -> None:
    products = [node for node in model.graph.node if node.op_type == "Gemm"]
    assert len(products) == 1 + 2 + 1


def test_the_graph_keeps_no_trace_of_our_source(model: ModelProto) -> None:
    content = model.SerializeToString()
    for trace in (b"site-packages", b".py", b"stack_trace", b"/models", b"HighwayClassifier"):
        assert trace not in content


def test_the_same_weights_give_the_same_bytes(model: ModelProto) -> None:
    again = build_graph(network())
    assert again.SerializeToString(deterministic=True) == model.SerializeToString(
        deterministic=True
    )
