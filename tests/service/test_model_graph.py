from collections.abc import Callable

import numpy as np
import onnx
import pytest

from service.model_graph import ModelGraph, read_graph
from service.settings import BUNDLED_MODEL
from tests.service.conftest import Recipe


@pytest.fixture(params=[Recipe().build, BUNDLED_MODEL.read_bytes], ids=["tiny", "bundled"])
def content(request: pytest.FixtureRequest) -> bytes:
    read: Callable[[], bytes] = request.param
    return read()


@pytest.fixture
def graph(content: bytes) -> ModelGraph:
    return read_graph(content)


@pytest.fixture
def model(content: bytes) -> onnx.ModelProto:
    return onnx.load_from_string(content)


def test_the_nodes_are_those_that_onnx_reads(graph: ModelGraph, model: onnx.ModelProto) -> None:
    assert [
        (n.name, n.operator, n.domain, list(n.inputs), list(n.outputs)) for n in graph.nodes
    ] == [(n.name, n.op_type, n.domain, [*n.input], [*n.output]) for n in model.graph.node]


def test_the_attributes_are_those_that_onnx_reads(
    graph: ModelGraph, model: onnx.ModelProto
) -> None:
    for node, expected in zip(graph.nodes, model.graph.node, strict=True):
        for attribute, other in zip(node.attributes, expected.attribute, strict=True):
            assert (attribute.name, attribute.kind) == (other.name, other.type)
            value = onnx.helper.get_attribute_value(other)
            if isinstance(value, float):
                assert isinstance(attribute.value, memoryview)
                assert np.frombuffer(attribute.value, "<f4") == value
            else:
                assert attribute.value == value
            assert not attribute.has_subgraph


def test_the_weights_are_views_of_the_files_bytes(
    content: bytes, graph: ModelGraph, model: onnx.ModelProto
) -> None:
    for weight, expected in zip(graph.weights, model.graph.initializer, strict=True):
        assert (weight.name, list(weight.sizes)) == (expected.name, [*expected.dims])
        assert (weight.data_type, weight.is_external) == (expected.data_type, False)
        assert weight.values == {"raw_data": expected.raw_data}
        assert weight.values["raw_data"].obj is content


def test_the_tensors_and_metadata_are_those_that_onnx_reads(
    graph: ModelGraph, model: onnx.ModelProto
) -> None:
    for tensors, expected in (
        (graph.inputs, model.graph.input),
        (graph.outputs, model.graph.output),
    ):
        for tensor, other in zip(tensors, expected, strict=True):
            axes = other.type.tensor_type.shape.dim
            assert tensor.name == other.name
            assert tensor.element_type == other.type.tensor_type.elem_type
            assert tensor.shape == tuple(axis.dim_param or axis.dim_value for axis in axes)
    assert graph.metadata == {prop.key: prop.value for prop in model.metadata_props}
    assert (graph.ir_version, graph.opsets) == (10, [("", 20)])


def test_a_tensor_without_a_type_or_shape_is_read() -> None:
    def untyped(model: onnx.ModelProto) -> None:
        model.graph.output[0].ClearField("type")
        model.graph.output[1].type.tensor_type.shape.dim[0].Clear()

    first, second, *_ = read_graph(Recipe(change=untyped).build()).outputs
    assert (first.element_type, first.shape) == (0, ())
    assert second.shape == ("?", 3)
