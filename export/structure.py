"""Is the graph a sound ONNX model, and nothing but a highway network of the contract?

Everything that onnxruntime would run is looked at here, before it is run.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, numpy_helper

from export.errors import OperatorError, StructureError, TensorError, TraceError, WeightError
from service.contract import GATE_SCALE, INPUT, Metadata, precision, tensor_widths

OPSET = 20  # with IR 10 read by every onnxruntime since 1.18
IR_VERSION = 10

# What torch's exporter makes of the presets' layers, preparations and activations.
OPERATORS = frozenset(
    [
        *("Add", "Div", "Equal", "Mul", "Pow", "Sqrt", "Sub", "Where", "IsNaN", "Clip", "Cast"),
        *("Gemm", "Conv", "MaxPool", "ReduceMean", "Softmax"),
        *("Exp", "Log", "Max", "ReduceMax"),
        *("Elu", "Gelu", "Relu", "Sigmoid", "Softplus", "Tanh"),
        *("Concat", "Expand", "Gather", "Reshape", "Shape", "Split", "Transpose", "Unsqueeze"),
    ]
)


def parsed(content: bytes) -> onnx.ModelProto:
    """Read bytes as an ONNX model."""
    try:
        model = onnx.load_from_string(content)
    except DecodeError as error:
        raise StructureError(
            "expected an ONNX model, found bytes that are none; the file is damaged or is "
            "something else"
        ) from error
    if not model.graph.node:
        raise StructureError("expected an ONNX model with a graph, found an empty one")
    return model


NODES, NODES_IN_A_LAYER = 1000, 50  # far above what any preset has: 12 in a layer, 20 as int8
QUANTISED = OPERATORS | {"QuantizeLinear", "DequantizeLinear"}


def check_structure(model: onnx.ModelProto, metadata: Metadata) -> None:
    """Refuse what is not as `python -m export onnx` writes it."""
    whole = precision(metadata) == "int8"
    _check_weights(model.graph)
    _check_size(model.graph, len(metadata.layers))
    _check_operators(model, QUANTISED if whole else OPERATORS)
    if whole and not any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        raise StructureError("expected products of whole numbers in an int8 file, found none")
    _check_soundness(model)
    _check_finite(model.graph)
    _check_versions(model)
    _check_tensors(model.graph, metadata)
    _check_traces(model)


def _check_weights(graph: onnx.GraphProto) -> None:
    used = {name for node in graph.node for name in node.input}
    for tensor in graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            raise WeightError(
                f"weight '{tensor.name}': expected its numbers inside the file, found them outside"
            )
        if tensor.name not in used:
            raise WeightError(f"weight '{tensor.name}': expected a use, found none in the graph")
    if graph.sparse_initializer:
        raise WeightError("expected dense weights alone, found sparse ones")


def _check_finite(graph: onnx.GraphProto) -> None:
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise WeightError(
                f"weight '{tensor.name}': expected finite numbers, found NaN or infinity"
            )


def _check_size(graph: onnx.GraphProto, layers: int) -> None:
    most = NODES + NODES_IN_A_LAYER * layers
    if len(graph.node) > most:
        raise StructureError(
            f"expected at most {most:,} nodes for {layers} highway layers, found "
            f"{len(graph.node):,}"
        )


def _check_operators(model: onnx.ModelProto, allowed: frozenset[str]) -> None:
    if model.functions:
        raise OperatorError(
            f"expected ONNX's own operators alone, found the function '{model.functions[0].name}'"
        )
    if model.training_info:
        raise OperatorError("expected a graph for inference alone, found one for training")
    for node in model.graph.node:
        if node.domain not in ("", "ai.onnx"):
            raise OperatorError(
                f"node '{node.name}': expected ONNX's own operators alone, found {node.op_type} of "
                f"the domain '{node.domain}'"
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


def _check_soundness(model: onnx.ModelProto) -> None:
    try:
        onnx.checker.check_model(model, full_check=True, check_custom_domain=True)
        inferred = onnx.shape_inference.infer_shapes(
            model, check_type=True, strict_mode=True, data_prop=True
        )
    except Exception as error:  # onnx raises a dozen unrelated types here
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "no reason given"
        raise StructureError(f"expected a sound ONNX model, found: {reason}") from error
    ranked = {
        value.name
        for value in (*inferred.graph.value_info, *inferred.graph.output)
        if value.type.tensor_type.HasField("shape")
    }
    for node in model.graph.node:
        if not set(node.output) <= ranked:
            raise StructureError(
                f"node '{node.name}': expected an output whose number of axes follows from the "
                "graph, found one whose does not"
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
    inputs = {name: widths.pop(name) for name in (INPUT, GATE_SCALE)}
    for kind, found, expected in (
        ("inputs", graph.input, inputs),
        ("outputs", graph.output, widths),
    ):
        names = [value.name for value in found]
        if names != list(expected):
            raise TensorError(
                f"{kind}: expected {', '.join(expected)}, found {', '.join(names) or 'none'}"
            )
        for value in found:
            axis = "rows" if value.name == GATE_SCALE else "batch"
            shape = [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
            wanted = [axis, expected[value.name]]
            if shape != wanted or value.type.tensor_type.elem_type != TensorProto.FLOAT:
                raise TensorError(
                    f"tensor '{value.name}': expected float32 {_words(wanted)}, found "
                    f"{TensorProto.DataType.Name(value.type.tensor_type.elem_type).lower()} "
                    f"{_words(shape)}"
                )
    default = next((t for t in graph.initializer if t.name == GATE_SCALE), None)
    if default is None or not (numpy_helper.to_array(default) == 1).all():
        raise TensorError(f"tensor '{GATE_SCALE}': expected a default of all ones, found another")


def _words(shape: Sequence[object]) -> str:
    return f"({', '.join(map(str, shape))})"


def _check_traces(model: onnx.ModelProto) -> None:
    for what, part in _parts(model.graph):
        if part.metadata_props or (what == "node" and part.doc_string):
            raise TraceError(f"{what} '{part.name}': expected no trace of its source, found some")


def _parts(graph: onnx.GraphProto) -> Iterator[tuple[str, onnx.NodeProto]]:
    yield "graph", graph
    yield from (("node", node) for node in graph.node)
    yield from (("weight", tensor) for tensor in graph.initializer)
    yield from (("tensor", value) for value in (*graph.input, *graph.output, *graph.value_info))
