from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper

from export.errors import (
    OperatorError,
    StructureError,
    TensorError,
    TraceError,
    VerificationError,
    WeightError,
)
from export.trained_run import TrainedRun
from export.verification import check_structure, parse, verify_file
from service.classifier import Classifier
from service.contract import ContractError, Metadata
from service.operators import OPERATORS
from tests.export.graph_edits import (
    Edit,
    control_flow,
    edited,
    external_weight,
    infinite_weight,
    node,
    node_index,
    node_trace,
    other_domain,
    other_operator,
    other_opset,
    set_values,
    unchanged,
    unused_weight,
    values,
    weight,
    zero_default_scale,
)


@pytest.fixture
def model(artifact_path: Path) -> ModelProto:
    return onnx.load(artifact_path)


@pytest.fixture(scope="module")
def metadata(artifact_path: Path) -> Metadata:
    return Classifier.load(artifact_path).metadata


def rejected(model: ModelProto, metadata: Metadata) -> StructureError:
    with pytest.raises(StructureError) as error:
        check_structure(model, metadata)
    return error.value


def test_a_file_is_verified_in_three_steps(artifact_path: Path) -> None:
    steps: list[str] = []
    assert verify_file(artifact_path.read_bytes(), steps.append).name == "digits-custom"
    assert steps == ["structure", "outputs", "onnx's reference evaluator"]


@pytest.mark.parametrize("position", [0.1, 0.5, 0.9])
def test_one_changed_byte_is_rejected(artifact_path: Path, position: float) -> None:
    content = bytearray(artifact_path.read_bytes())
    content[int(position * len(content))] ^= 1
    with pytest.raises((ContractError, VerificationError)):
        verify_file(bytes(content), lambda step: None)


def test_a_changed_weight_is_a_change_of_the_file(model: ModelProto) -> None:
    set_values(model, "output/bias", values(model, "output/bias") + 1e-3)
    with pytest.raises(ContractError) as error:
        verify_file(model.SerializeToString(), lambda step: None)
    assert "the file was changed after it was verified" in str(error.value)


def test_a_file_that_onnxruntime_cannot_load_fails_in_the_structure_checks(
    artifact_path: Path, run: TrainedRun
) -> None:
    with pytest.raises(OperatorError):
        verify_file(edited(artifact_path, run, other_domain), lambda step: None)


@pytest.mark.parametrize("content", [b"\x00\x01 no model", bytes(1000)])
def test_bytes_that_are_not_a_model_are_rejected(content: bytes) -> None:
    with pytest.raises(StructureError) as error:
        parse(content)
    assert str(error.value) == (
        "expected an ONNX model, found other bytes; the file is damaged or of another kind"
    )


def test_a_model_without_a_graph_is_rejected() -> None:
    with pytest.raises(StructureError) as error:
        parse(ModelProto(ir_version=10).SerializeToString())
    assert str(error.value) == "expected an ONNX model with a graph, found an empty one"


def marked_as_external(model: ModelProto) -> None:
    weight(model, "output/bias").data_location = TensorProto.EXTERNAL


def sparse_weight(model: ModelProto) -> None:
    model.graph.sparse_initializer.add()


def function(model: ModelProto) -> None:
    model.functions.add(name="mine", domain="com.example")


def training(model: ModelProto) -> None:
    model.training_info.add()


def computed_shape(model: ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("shape", TensorProto.INT64, ["n"]))
    index = node_index(model, "highway_1/Relu")
    reader = model.graph.node[index]
    reshape = helper.make_node("Reshape", [reader.input[0], "shape"], ["free"], name="free")
    model.graph.node.insert(index, reshape)
    reader.input[0] = "free"


def other_ir(model: ModelProto) -> None:
    model.ir_version = 9


def missing_output(model: ModelProto) -> None:
    del model.graph.output[3]


def fixed_batch(model: ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def weight_trace(model: ModelProto) -> None:
    weight(model, "output/bias").metadata_props.add(key="path", value="somewhere")


AGAIN = "; export the model again with `highway export`"
EXTERNAL = f"weight 'output/bias': its values are in another file; they must be in this one{AGAIN}"
REJECTED: list[tuple[Edit, type[StructureError], str]] = [
    (external_weight, WeightError, EXTERNAL),
    (marked_as_external, WeightError, EXTERNAL),
    (unused_weight, WeightError, f"weight 'spare': no node of the graph uses it{AGAIN}"),
    (
        infinite_weight,
        WeightError,
        f"weight 'output/bias': expected finite numbers, found NaN or infinity{AGAIN}",
    ),
    (sparse_weight, WeightError, f"expected dense weights, found sparse ones{AGAIN}"),
    (function, OperatorError, f"expected ONNX's own operators, found functions of the file{AGAIN}"),
    (training, OperatorError, f"expected a graph for inference, found one for training{AGAIN}"),
    (
        other_domain,
        OperatorError,
        "node 'highway_1/Relu': expected ONNX's own operators, found Relu of the domain "
        f"'com.example'{AGAIN}",
    ),
    (
        control_flow,
        OperatorError,
        f"node 'dense_1/Gemm': expected no control flow, found Gemm{AGAIN}",
    ),
    (
        other_operator,
        OperatorError,
        f"node 'highway_1/Relu': expected an operator of highway networks, found Tan{AGAIN}",
    ),
    (
        computed_shape,
        OperatorError,
        f"node 'free': expected a shape by constants, found a computed one{AGAIN}",
    ),
    (other_opset, StructureError, "expected opset 20 and IR 10, found opsets 19 and IR 10" + AGAIN),
    (other_ir, StructureError, "expected opset 20 and IR 10, found opsets 20 and IR 9" + AGAIN),
    (
        missing_output,
        TensorError,
        "outputs: expected logits, probabilities, gate_mean, gate_units, typicality, "
        "layer_typicality, found logits, probabilities, gate_mean, typicality, layer_typicality",
    ),
    (
        fixed_batch,
        TensorError,
        "expected the tensor %input[FLOAT, batchx64], found %input[FLOAT, 1x64]",
    ),
    (zero_default_scale, TensorError, "tensor 'gate_scale': its default must be all ones"),
    (node_trace, TraceError, "'highway_1/Relu': contains a trace of its source code"),
    (weight_trace, TraceError, "'output/bias': contains a trace of its source code"),
]


@pytest.mark.parametrize(
    ("edit", "error_class", "message"), REJECTED, ids=[edit.__name__ for edit, _, _ in REJECTED]
)
def test_a_graph_of_another_structure_is_rejected(
    edit: Edit,
    error_class: type[StructureError],
    message: str,
    model: ModelProto,
    metadata: Metadata,
) -> None:
    edit(model)
    error = rejected(model, metadata)
    assert (type(error), str(error)) == (error_class, message)


def test_a_graph_without_an_edit_passes(model: ModelProto, metadata: Metadata) -> None:
    unchanged(model)
    check_structure(model, metadata)


def test_wrong_sizes_are_rejected_with_onnxs_reason(model: ModelProto, metadata: Metadata) -> None:
    set_values(model, "highway_1/branches.weight", np.ones((3, 3)))
    assert str(rejected(model, metadata)).startswith("not a valid ONNX model: ")


def test_a_weight_with_too_few_bytes_is_rejected(model: ModelProto, metadata: Metadata) -> None:
    weight(model, "output/bias").raw_data = b"1234567"
    error = rejected(model, metadata)
    assert (type(error), str(error)) == (
        WeightError,
        f"weight 'output/bias': expected 10 values of float32, found 1{AGAIN}",
    )


def test_no_allowed_operator_has_a_subgraph_or_is_random() -> None:
    assert not OPERATORS.keys() & {"If", "Loop", "Scan", "Optional", "SequenceMap", "RandomNormal"}


def test_a_float32_file_with_int8_metadata_is_rejected(
    model: ModelProto, metadata: Metadata
) -> None:
    int8 = replace(metadata, verification={"precision": "int8"})
    assert str(rejected(model, int8)) == (
        "expected quantised products in int8 files only, found none in an int8 file"
    )


def test_an_int8_file_with_float32_metadata_is_rejected(
    model: ModelProto, metadata: Metadata
) -> None:
    node(model, "highway_1/Relu").op_type = "DequantizeLinear"
    assert str(rejected(model, metadata)) == (
        "expected quantised products in int8 files only, found some in a float32 file"
    )


def test_a_graph_of_too_many_nodes_is_rejected(model: ModelProto, metadata: Metadata) -> None:
    count = 1200 + len(model.graph.node)
    model.graph.node.extend(helper.make_node("Relu", ["logits"], [f"r{i}"]) for i in range(1200))
    assert str(rejected(model, metadata)) == (
        f"expected at most 1,150 nodes for 3 highway layers, found {count:,}"
    )
