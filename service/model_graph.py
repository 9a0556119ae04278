"""The graph and the metadata of an ONNX file, read without onnx and without onnxruntime.

The schemas hold the fields of onnx.proto that `highway export` writes, and those that deserve an
error of their own. Subgraphs, functions and external data are never read, only noticed. Weights
stay views of the file's bytes.

Source of the field numbers: onnx.proto of ONNX 1.23.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.contract import MAX_METADATA_BYTES, ContractError
from service.contract_errors import PREFIX
from service.protobuf import Field, Message, Reader, Schema, WireError

EXPORT_AGAIN = "export the model again with `highway export`"

_TENSOR = Schema(
    "TensorProto",
    {
        1: Field("dims", "integer", repeated=True),
        2: Field("data_type", "integer"),
        4: Field("float_data", "bytes"),
        5: Field("int32_data", "bytes"),
        7: Field("int64_data", "bytes"),
        8: Field("name", "string"),
        9: Field("raw_data", "bytes"),
        12: Field("doc_string", "string"),
        13: Field("external_data", "bytes", repeated=True),
        14: Field("data_location", "integer"),
    },
)
_ATTRIBUTE = Schema(
    "AttributeProto",
    {
        1: Field("name", "string"),
        2: Field("f", "float"),
        3: Field("i", "integer"),
        4: Field("s", "bytes"),
        5: Field("t", "bytes"),
        6: Field("g", "bytes"),
        8: Field("ints", "integer", repeated=True),
        11: Field("graphs", "bytes", repeated=True),
        13: Field("doc_string", "string"),
        20: Field("type", "integer"),
    },
)
_NODE = Schema(
    "NodeProto",
    {
        1: Field("input", "string", repeated=True),
        2: Field("output", "string", repeated=True),
        3: Field("name", "string"),
        4: Field("op_type", "string"),
        5: Field("attribute", _ATTRIBUTE, repeated=True),
        6: Field("doc_string", "string"),
        7: Field("domain", "string"),
    },
)
_AXIS = Schema("Dimension", {1: Field("dim_value", "integer"), 2: Field("dim_param", "string")})
_SHAPE = Schema("TensorShapeProto", {1: Field("dim", _AXIS, repeated=True)})
_TENSOR_TYPE = Schema(
    "TypeProto.Tensor", {1: Field("elem_type", "integer"), 2: Field("shape", _SHAPE)}
)
_VALUE = Schema(
    "ValueInfoProto",
    {
        1: Field("name", "string"),
        2: Field("type", Schema("TypeProto", {1: Field("tensor_type", _TENSOR_TYPE)})),
        3: Field("doc_string", "string"),
    },
)
_GRAPH = Schema(
    "GraphProto",
    {
        1: Field("node", _NODE, repeated=True),
        2: Field("name", "string"),
        5: Field("initializer", _TENSOR, repeated=True),
        10: Field("doc_string", "string"),
        11: Field("input", _VALUE, repeated=True),
        12: Field("output", _VALUE, repeated=True),
        15: Field("sparse_initializer", "bytes", repeated=True),
    },
)
_OPSET = Schema(
    "OperatorSetIdProto", {1: Field("domain", "string"), 2: Field("version", "integer")}
)
_PROPERTY = Schema(
    "StringStringEntryProto", {1: Field("key", "string"), 2: Field("value", "bytes")}
)
_MODEL = Schema(
    "ModelProto",
    {
        1: Field("ir_version", "integer"),
        2: Field("producer_name", "string"),
        3: Field("producer_version", "string"),
        5: Field("model_version", "integer"),
        6: Field("doc_string", "string"),
        7: Field("graph", _GRAPH),
        8: Field("opset_import", _OPSET, repeated=True),
        14: Field("metadata_props", _PROPERTY, repeated=True),
        20: Field("training_info", "bytes", repeated=True),
        25: Field("functions", "bytes", repeated=True),
    },
)


@dataclass(frozen=True, kw_only=True)
class Weight:
    """A constant tensor; `values` are the bytes of each field of the file that holds values."""

    name: str
    sizes: Sequence[int]
    data_type: int
    values: Mapping[str, memoryview]
    is_external: bool


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """An attribute of a node; `value` is None if it has another kind of value."""

    name: str
    kind: int
    value: int | memoryview | Sequence[int] | None
    has_subgraph: bool


@dataclass(frozen=True, kw_only=True)
class Node:
    """An operator with the names of the tensors that it reads and writes."""

    name: str
    operator: str
    domain: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: Sequence[Attribute]


@dataclass(frozen=True, kw_only=True)
class TensorType:
    """An input or output of the graph; an axis is a size or a name."""

    name: str
    element_type: int
    shape: tuple[int | str, ...]


@dataclass(frozen=True, kw_only=True)
class ModelGraph:
    """What a file describes: its versions, tensors, nodes, weights and metadata."""

    ir_version: int
    opsets: Sequence[tuple[str, int]]
    inputs: Sequence[TensorType]
    outputs: Sequence[TensorType]
    nodes: Sequence[Node]
    weights: Sequence[Weight]
    metadata: Mapping[str, str]
    sparse_weights: int
    functions: int
    trainings: int


def read_graph(content: bytes) -> ModelGraph:
    """Read an ONNX file's bytes; a `ContractError` if they are not as `highway export` writes."""
    try:
        model = Reader().read(memoryview(content), _MODEL)
        metadata = _metadata(model)
    except WireError as error:
        raise ContractError(
            f"expected an ONNX file of `highway export`, found {error}; the file is damaged, or of "
            "another kind"
        ) from error
    except UnicodeDecodeError as error:
        raise ContractError(
            "expected an ONNX file of `highway export`, found a string that is not UTF-8; the file "
            "is damaged, or of another kind"
        ) from error
    graph = model.get("graph", {})
    return ModelGraph(
        ir_version=model.get("ir_version", 0),
        opsets=[(o.get("domain", ""), o.get("version", 0)) for o in model.get("opset_import", ())],
        inputs=[_tensor_type(value) for value in graph.get("input", ())],
        outputs=[_tensor_type(value) for value in graph.get("output", ())],
        nodes=[_node(node) for node in graph.get("node", ())],
        weights=[_weight(tensor) for tensor in graph.get("initializer", ())],
        metadata=metadata,
        sparse_weights=len(graph.get("sparse_initializer", ())),
        functions=len(model.get("functions", ())),
        trainings=len(model.get("training_info", ())),
    )


def _metadata(model: Message) -> dict[str, str]:
    """Return `metadata_props`; the size is checked before the values are copied."""
    properties = [(p.get("key", ""), p.get("value", b"")) for p in model.get("metadata_props", ())]
    size = sum(len(key) + len(value) for key, value in properties)
    if size > MAX_METADATA_BYTES:
        raise ContractError(
            f"metadata: expected at most {MAX_METADATA_BYTES:,} bytes, found {size:,}; "
            f"{EXPORT_AGAIN}"
        )
    metadata = {key: str(value, "utf-8") for key, value in properties}
    if len(metadata) < len(properties):
        raise ContractError(
            f"metadata: expected each key of '{PREFIX}…' once, found one twice; {EXPORT_AGAIN}"
        )
    return metadata


def _weight(tensor: Message) -> Weight:
    fields = ("raw_data", "float_data", "int32_data", "int64_data")
    return Weight(
        name=tensor.get("name", ""),
        sizes=tensor.get("dims", ()),
        data_type=tensor.get("data_type", 0),
        values={name: tensor[name] for name in fields if name in tensor},
        is_external=tensor.get("data_location", 0) != 0 or "external_data" in tensor,
    )


def _node(node: Message) -> Node:
    return Node(
        name=node.get("name", ""),
        operator=node.get("op_type", ""),
        domain=node.get("domain", ""),
        inputs=node.get("input", ()),
        outputs=node.get("output", ()),
        attributes=[_attribute(attribute) for attribute in node.get("attribute", ())],
    )


def _attribute(attribute: Message) -> Attribute:
    values = [attribute[name] for name in ("i", "f", "s", "ints") if name in attribute]
    return Attribute(
        name=attribute.get("name", ""),
        kind=attribute.get("type", 0),
        value=values[0] if len(values) == 1 else None,
        has_subgraph="g" in attribute or "graphs" in attribute,
    )


def _tensor_type(value: Message) -> TensorType:
    tensor = value.get("type", {}).get("tensor_type", {})
    axes = tensor.get("shape", {}).get("dim", ())
    return TensorType(
        name=value.get("name", ""),
        element_type=tensor.get("elem_type", 0),
        shape=tuple(axis.get("dim_value", axis.get("dim_param", "?")) for axis in axes),
    )
