from collections.abc import Set

import numpy as np
import onnx
import pytest

from service.contract import OUTPUTS
from service.runtime import onnxruntime
from service.settings import BUNDLED_MODEL
from service.subgraph import subgraph
from tests.service.conftest import Recipe

CONTENT = Recipe().build()


def part(*outputs: str, known: Set[str] = frozenset(), content: bytes = CONTENT) -> onnx.ModelProto:
    model = onnx.load_from_string(subgraph(content, set(outputs), known))
    onnx.checker.check_model(model, full_check=True)
    return model


def test_only_the_nodes_weights_and_inputs_that_the_outputs_need_remain() -> None:
    graph = part("gate_mean").graph
    assert [node.op_type for node in graph.node] == [
        *("Split", "Sigmoid", "Sigmoid", "Concat", "Reshape", "ReduceMean"),
    ]
    assert [tensor.name for tensor in graph.input] == ["input"]
    assert [tensor.name for tensor in graph.output] == ["gate_mean"]
    assert {tensor.name for tensor in graph.initializer} == {"by_layer", "last"}


def test_an_input_with_a_default_keeps_it() -> None:
    graph = part("logits").graph
    assert [tensor.name for tensor in graph.input] == ["input", "gate_scale"]
    assert "gate_scale" in {tensor.name for tensor in graph.initializer}


def test_known_outputs_become_inputs() -> None:
    graph = part("layer_typicality", known=set(OUTPUTS) - {"layer_typicality"}).graph
    assert [node.op_type for node in graph.node] == ["Relu"]
    assert [tensor.name for tensor in graph.input] == ["gate_mean"]
    assert not graph.initializer


def test_versions_remain_and_metadata_do_not() -> None:
    model, whole = part("logits"), onnx.load_from_string(CONTENT)
    assert model.ir_version == whole.ir_version
    assert model.opset_import == whole.opset_import
    assert not model.metadata_props


def test_all_outputs_need_the_whole_graph() -> None:
    graph, whole = part(*OUTPUTS).graph, onnx.load_from_string(CONTENT).graph
    for name in ("node", "initializer", "input", "output"):
        assert getattr(graph, name) == getattr(whole, name)


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_output_alone_has_the_values_of_the_whole_graph(name: str) -> None:
    content = BUNDLED_MODEL.read_bytes()
    rows = np.random.default_rng(0).uniform(0, 255, (3, 784)).astype(np.float32)
    small = part(name, content=content).SerializeToString()
    computed, expected = (
        onnxruntime.InferenceSession(model).run([name], {"input": rows})[0]
        for model in (small, content)
    )
    assert len(small) < len(content)
    assert computed == pytest.approx(expected, rel=1e-4, abs=1e-6)
