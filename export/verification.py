"""Verification of a file's bytes alone: metadata, digest, structure and outputs.

Neither torch nor the run is needed. onnxruntime computes nothing before the structure is checked.
"""

from collections.abc import Callable

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

from export.backends import reference_evaluator, runtime_engine
from export.errors import OperatorError, StructureError, TensorError, TraceError, WeightError
from export.outputs import (
    TOLERANCE,
    check_agreement,
    check_batch_independence,
    check_gate_scale,
    check_values,
    extreme_rows,
)
from service.artifact import check_digest
from service.classifier import Classifier
from service.contract import GATE_SCALE, INPUT, OUTPUTS, Metadata, precision, tensor_widths

OnProgress = Callable[[str], None]  # called with the name of each step

OPSET = 20  # with IR 10: every onnxruntime since 1.18 reads it
IR_VERSION = 10

# All that torch's exporter makes of the presets' layers, preparations and activations.
OPERATORS = frozenset(
    [
        *("Add", "Div", "Equal", "Mul", "Pow", "Sqrt", "Sub", "Where", "IsNaN", "Clip", "Cast"),
        *("Gemm", "Conv", "MaxPool", "ReduceMean", "Softmax"),
        *("Exp", "Log", "Max", "ReduceMax"),
        *("Elu", "Gelu", "Relu", "Sigmoid", "Softplus", "Tanh"),
        *("Concat", "Expand", "Gather", "Reshape", "Shape", "Split", "Transpose", "Unsqueeze"),
    ]
)
INT8_OPERATORS = OPERATORS | {"QuantizeLinear", "DequantizeLinear"}
NODES, NODES_PER_LAYER = 1000, 50  # far above any preset: 12 nodes in a layer, 20 in int8


def verify_file(content: bytes, on_progress: OnProgress) -> Metadata:
    """Check a file's bytes, and return the metadata."""
    on_progress("structure")
    model = parse(content)
    metadata = read_metadata(model)
    check_digest(content, metadata)
    check_structure(model, metadata)
    Classifier(content)  # the service's own checks: the contract and the golden rows
    on_progress("outputs")
    golden = np.asarray(metadata.verification["golden"][INPUT], np.float32)
    rows = np.concatenate([golden, extreme_rows(golden)])
    engine, tolerance = runtime_engine(content), TOLERANCE[precision(metadata)]
    check_values(engine(rows, None))
    check_batch_independence(engine, rows, tolerance)
    widths = tuple(layer.width for layer in metadata.layers)
    check_gate_scale(engine, golden[0], widths, tolerance)
    on_progress("onnx's reference evaluator")
    check_agreement(engine, reference_evaluator(model), golden, 10 * tolerance)
    return metadata


def parse(content: bytes) -> onnx.ModelProto:
    """Read bytes as an ONNX model."""
    try:
        model = onnx.load_from_string(content)
    except DecodeError as error:
        raise StructureError(
            "expected an ONNX model, found other bytes; the file is damaged or of another kind"
        ) from error
    if not model.graph.node:
        raise StructureError("expected an ONNX model with a graph, found an empty one")
    return model


def read_metadata(model: onnx.ModelProto) -> Metadata:
    """Read and check a model's metadata; a `ContractError` if they break the contract."""
    return Metadata.from_props({prop.key: prop.value for prop in model.metadata_props})


def check_structure(model: onnx.ModelProto, metadata: Metadata) -> None:
    """Reject a graph that differs in structure from those that `highway export` writes."""
    int8 = precision(metadata) == "int8"
    _check_weights(model.graph)
    layers, nodes = len(metadata.layers), len(model.graph.node)
    most = NODES + NODES_PER_LAYER * layers
    if nodes > most:
        raise StructureError(
            f"expected at most {most:,} nodes for {layers} highway layers, found {nodes:,}"
        )
    _check_operators(model, INT8_OPERATORS if int8 else OPERATORS)
    if int8 and not any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        raise StructureError("expected quantised products in an int8 file, found none")
    _check_validity(model)
    _check_finite(model.graph)
    _check_versions(model)
    _check_tensors(model.graph, metadata)
    _check_traces(model)


def _check_weights(graph: onnx.GraphProto) -> None:
    used = {name for node in graph.node for name in node.input}
    for tensor in graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            raise WeightError(
                f"weight '{tensor.name}': its values are in another file; they must be in this one"
            )
        if tensor.name not in used:
            raise WeightError(f"weight '{tensor.name}': no node of the graph uses it")
    if graph.sparse_initializer:
        raise WeightError("expected dense weights, found sparse ones")


def _check_finite(graph: onnx.GraphProto) -> None:
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise WeightError(
                f"weight '{tensor.name}': expected finite numbers, found NaN or infinity"
            )


def _check_operators(model: onnx.ModelProto, allowed: frozenset[str]) -> None:
    if model.functions:
        raise OperatorError(
            f"expected ONNX's own operators, found the function '{model.functions[0].name}'"
        )
    if model.training_info:
        raise OperatorError("expected a graph for inference, found one for training")
    for node in model.graph.node:
        if node.domain not in ("", "ai.onnx"):
            raise OperatorError(
                f"node '{node.name}': expected ONNX's own operators, found {node.op_type} of the "
                f"domain '{node.domain}'"
            )
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            raise OperatorError(
                f"node '{node.name}': expected no control flow, found {node.op_type}"
            )
        if node.op_type not in allowed:
            raise OperatorError(
                f"node '{node.name}': expected an operator of highway networks, found "
                f"{node.op_type}"
            )


def _check_validity(model: onnx.ModelProto) -> None:
    try:
        onnx.checker.check_model(model, full_check=True, check_custom_domain=True)
        inferred = onnx.shape_inference.infer_shapes(
            model, check_type=True, strict_mode=True, data_prop=True
        )
    except Exception as error:  # onnx raises a dozen unrelated types here
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "no reason given"
        raise StructureError(f"not a valid ONNX model: {reason}") from error
    ranked = {
        value.name
        for value in (*inferred.graph.value_info, *inferred.graph.output)
        if value.type.tensor_type.HasField("shape")
    }
    for node in model.graph.node:
        if not set(node.output) <= ranked:
            raise StructureError(
                f"node '{node.name}': the number of axes of its output does not follow from the "
                "graph"
            )


def _check_versions(model: onnx.ModelProto) -> None:
    opsets = [(opset.domain, opset.version) for opset in model.opset_import]
    if opsets != [("", OPSET)] or model.ir_version != IR_VERSION:
        raise StructureError(
            f"expected opset {OPSET} and IR {IR_VERSION}, found opsets "
            f"{', '.join(f'{domain} {version}'.strip() for domain, version in opsets)} and "
            f"IR {model.ir_version}"
        )


def _check_tensors(graph: onnx.GraphProto, metadata: Metadata) -> None:
    widths = tensor_widths(metadata)
    for kind, tensors, names in (
        ("inputs", graph.input, (INPUT, GATE_SCALE)),
        ("outputs", graph.output, OUTPUTS),
    ):
        found = tuple(tensor.name for tensor in tensors)
        if found != names:
            raise TensorError(
                f"{kind}: expected {', '.join(names)}, found {', '.join(found) or 'none'}"
            )
        for tensor in tensors:
            shape = ["rows" if tensor.name == GATE_SCALE else "batch", widths[tensor.name]]
            expected = helper.make_tensor_value_info(tensor.name, TensorProto.FLOAT, shape)
            if tensor.type != expected.type:
                strings = map(helper.printable_value_info, (expected, tensor))
                raise TensorError("expected the tensor {}, found {}".format(*strings))
    default = next((t for t in graph.initializer if t.name == GATE_SCALE), None)
    if default is None or not (numpy_helper.to_array(default) == 1).all():
        raise TensorError(f"tensor '{GATE_SCALE}': its default must be all ones")


def _check_traces(model: onnx.ModelProto) -> None:
    graph = model.graph
    tensors = (*graph.initializer, *graph.input, *graph.output, *graph.value_info)
    for part in (graph, *graph.node, *tensors):
        if part.metadata_props or part.doc_string:
            raise TraceError(f"'{part.name}': contains a trace of its source code")
