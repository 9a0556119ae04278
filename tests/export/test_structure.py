from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from export.errors import OperatorError, StructureError, TensorError, TraceError, WeightError
from export.structure import OPERATORS, check_structure, parsed
from service.classifier import Classifier
from service.contract import Metadata
from tests.export.forgery import node, put, values, weight


@pytest.fixture
def model(artifact_path: Path) -> ModelProto:
    return onnx.load(artifact_path)


@pytest.fixture(scope="module")
def metadata(artifact_path: Path) -> Metadata:
    return Classifier.load(artifact_path).metadata


def test_a_sound_graph_passes(model: ModelProto, metadata: Metadata) -> None:
    check_structure(model, metadata)


@pytest.mark.parametrize("content", [b"\x00\x01 no model", bytes(1000)])
def test_bytes_that_are_no_model_are_refused(content: bytes) -> None:
    with pytest.raises(StructureError) as error:
        parsed(content)
    assert str(error.value) == (
        "expected an ONNX model, found bytes that are none; the file is damaged or is something "
        "else"
    )


def test_a_model_without_a_graph_is_refused() -> None:
    with pytest.raises(StructureError) as error:
        parsed(ModelProto(ir_version=10).SerializeToString())
    assert str(error.value) == "expected an ONNX model with a graph, found an empty one"


def outside(model: ModelProto) -> None:
    weight(model, "output/bias").external_data.add(key="location", value="elsewhere")


def outside_by_mark(model: ModelProto) -> None:
    weight(model, "output/bias").data_location = TensorProto.EXTERNAL


def unused(model: ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.ones(3, np.float32), "spare"))


def infinite(model: ModelProto) -> None:
    put(model, "output/bias", values(model, "output/bias") * np.inf)


def sparse(model: ModelProto) -> None:
    model.graph.sparse_initializer.add()


def function(model: ModelProto) -> None:
    model.functions.add(name="mine", domain="com.example")


def training(model: ModelProto) -> None:
    model.training_info.add()


def another_domain(model: ModelProto) -> None:
    node(model, "highway_1/Relu").domain = "com.example"


def control_flow(model: ModelProto) -> None:
    branch = helper.make_graph([], "branch", [], [])
    model.graph.node[3].attribute.append(helper.make_attribute("then_branch", branch))


def unknown_operator(model: ModelProto) -> None:
    node(model, "highway_1/Relu").op_type = "Subtract"


def wrong_sizes(model: ModelProto) -> None:
    put(model, "highway_1/branches.weight", np.ones((3, 3)))


def unknown_rank(model: ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("shape", TensorProto.INT64, ["n"]))
    place = next(i for i, n in enumerate(model.graph.node) if n.name == "highway_1/Relu")
    reader = model.graph.node[place]
    model.graph.node.insert(
        place, helper.make_node("Reshape", [reader.input[0], "shape"], ["free"], name="free")
    )
    reader.input[0] = "free"


def another_opset(model: ModelProto) -> None:
    model.opset_import[0].version = 19


def another_ir(model: ModelProto) -> None:
    model.ir_version = 9


def another_output(model: ModelProto) -> None:
    del model.graph.output[3]


def fixed_batch(model: ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def no_default(model: ModelProto) -> None:
    put(model, "gate_scale", np.zeros((1, 3)))


def node_trace(model: ModelProto) -> None:
    node(model, "highway_1/Relu").doc_string = "File layers.py"


def weight_trace(model: ModelProto) -> None:
    weight(model, "output/bias").metadata_props.add(key="path", value="somewhere")


REFUSED: list[tuple[Callable[[ModelProto], None], type[StructureError], str]] = [
    *(
        (
            change,
            WeightError,
            "weight 'output/bias': expected its numbers inside the file, found them outside",
        )
        for change in (outside, outside_by_mark)
    ),
    (unused, WeightError, "weight 'spare': expected a use, found none in the graph"),
    (
        infinite,
        WeightError,
        "weight 'output/bias': expected finite numbers, found NaN or infinity",
    ),
    (sparse, WeightError, "expected dense weights alone, found sparse ones"),
    (
        function,
        OperatorError,
        "expected ONNX's own operators alone, found the function 'mine'",
    ),
    (training, OperatorError, "expected a graph for inference alone, found one for training"),
    (
        another_domain,
        OperatorError,
        "node 'highway_1/Relu': expected ONNX's own operators alone, found Relu of the domain "
        "'com.example'",
    ),
    (control_flow, OperatorError, "node 'dense_1/Gemm': expected no control flow, found Gemm"),
    (
        unknown_operator,
        OperatorError,
        "node 'highway_1/Relu': expected an operator of highway networks, found Subtract",
    ),
    (
        unknown_rank,
        StructureError,
        "node 'free': expected an output whose number of axes follows from the graph, found one "
        "whose does not",
    ),
    (another_opset, StructureError, "expected opset 20 and IR 10, found opsets 19 and IR 10"),
    (another_ir, StructureError, "expected opset 20 and IR 10, found opsets 20 and IR 9"),
    (
        another_output,
        TensorError,
        "outputs: expected logits, probabilities, gate_mean, gate_units, unusual, found logits, "
        "probabilities, gate_mean, unusual",
    ),
    (
        fixed_batch,
        TensorError,
        "tensor 'input': expected float32 (batch, 64), found float (1, 64)",
    ),
    (no_default, TensorError, "tensor 'gate_scale': expected a default of all ones, found another"),
    (node_trace, TraceError, "node 'highway_1/Relu': expected no trace of its source, found some"),
    (weight_trace, TraceError, "weight 'output/bias': expected no trace of its source, found some"),
]


@pytest.mark.parametrize(
    ("change", "refusal", "message"), REFUSED, ids=[change.__name__ for change, _, _ in REFUSED]
)
def test_what_is_not_as_it_is_written_is_refused(
    change: Callable[[ModelProto], None],
    refusal: type[StructureError],
    message: str,
    model: ModelProto,
    metadata: Metadata,
) -> None:
    change(model)
    with pytest.raises(StructureError) as error:
        check_structure(model, metadata)
    assert (type(error.value), str(error.value)) == (refusal, message)


def test_sizes_that_do_not_fit_are_told_in_onnxs_words(
    model: ModelProto, metadata: Metadata
) -> None:
    wrong_sizes(model)
    with pytest.raises(StructureError) as error:
        check_structure(model, metadata)
    assert str(error.value).startswith("expected a sound ONNX model, found: ")


def test_no_operator_can_reach_outside_its_tensors() -> None:
    assert not OPERATORS & {"If", "Loop", "Scan", "Optional", "SequenceMap", "RandomNormal"}


def test_a_float32_file_that_calls_itself_int8_is_refused(
    model: ModelProto, metadata: Metadata
) -> None:
    lenient = replace(metadata, verification={"precision": "int8"})
    with pytest.raises(StructureError) as error:
        check_structure(model, lenient)
    assert str(error.value) == "expected products of whole numbers in an int8 file, found none"


def test_a_graph_of_too_many_nodes_is_refused(model: ModelProto, metadata: Metadata) -> None:
    count = 1200 + len(model.graph.node)
    model.graph.node.extend(helper.make_node("Relu", ["logits"], [f"r{i}"]) for i in range(1200))
    with pytest.raises(StructureError) as error:
        check_structure(model, metadata)
    assert str(error.value) == (
        f"expected at most 1,150 nodes for 3 highway layers, found {count:,}"
    )


def test_a_weight_whose_bytes_are_too_few_is_refused(model: ModelProto, metadata: Metadata) -> None:
    weight(model, "output/bias").raw_data = b"1234567"
    with pytest.raises(StructureError):
        check_structure(model, metadata)
