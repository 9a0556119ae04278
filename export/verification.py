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
from service import graph_rules
from service.artifact import check_digest
from service.classifier import Classifier
from service.contract import (
    GATE_SCALE,
    INPUT,
    OUTPUTS,
    ContractError,
    Metadata,
    precision,
    tensor_widths,
)
from service.graph_rules import NODES, NODES_PER_LAYER, check_graph
from service.model_graph import read_graph
from service.operators import QUANTISATION

OnProgress = Callable[[str], None]  # called with the name of each step

# The service's rules that have an error class here; the others are a `StructureError`.
_CLASSES = {graph_rules.OperatorError: OperatorError, graph_rules.WeightError: WeightError}


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
    _check_traces(model)
    layers, nodes = len(metadata.layers), len(model.graph.node)
    most = NODES + NODES_PER_LAYER * layers
    if nodes > most:
        raise StructureError(
            f"expected at most {most:,} nodes for {layers} highway layers, found {nodes:,}"
        )
    _check_by_service(model)
    quantised = any(node.op_type in QUANTISATION for node in model.graph.node)
    if quantised != (precision(metadata) == "int8"):
        found = "some in a float32 file" if quantised else "none in an int8 file"
        raise StructureError(f"expected quantised products in int8 files only, found {found}")
    _check_validity(model)
    _check_tensors(model.graph, metadata)


def _check_by_service(model: onnx.ModelProto) -> None:
    """Apply the rules by which the service refuses a file before onnxruntime reads it."""
    try:
        check_graph(read_graph(model.SerializeToString()))
    except ContractError as error:
        raise _CLASSES.get(type(error), StructureError)(str(error)) from error


def _check_validity(model: onnx.ModelProto) -> None:
    try:
        onnx.checker.check_model(model, full_check=True, check_custom_domain=True)
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except Exception as error:  # onnx raises a dozen unrelated types here
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "no reason given"
        raise StructureError(f"not a valid ONNX model: {reason}") from error


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
