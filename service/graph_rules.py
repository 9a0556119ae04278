"""Rules for the graph of a served file: operators, connections, weights and versions.

They are checked before onnxruntime reads a byte, and by `highway export` on the file it writes.
They bound what a file can describe. What it costs to compute, `service.trial` bounds.
"""

import json
from collections.abc import Iterable, Mapping, Set
from math import prod

import numpy as np

from service.contract import MAX_LAYERS, ContractError
from service.model_graph import EXPORT_AGAIN, Attribute, ModelGraph, Node, Weight
from service.operators import (
    FLOAT,
    INTEGER,
    INTEGERS,
    MAX_INTEGER,
    MAX_INTEGERS,
    MIN_INTEGER,
    OPERATORS,
    STRING,
    STRINGS,
)

OPSET = 20  # with IR 10: every onnxruntime since 1.18 reads it
IR_VERSION = 10
DEFAULT_DOMAINS = ("", "ai.onnx")

NODES, NODES_PER_LAYER = 1000, 50  # far above any preset: 12 nodes in a layer, 20 in int8
MAX_NODES = NODES + NODES_PER_LAYER * MAX_LAYERS
MAX_AXES = 8  # of a weight
MAX_EXPANDED = 1 << 24  # values of a row that `Expand` makes; a gate of 4096 × 4096 units

# Element types of weights, by TensorProto.DataType: name, bytes, and the field other than raw_data.
FLOAT32, INT64 = 1, 7
TYPES: Mapping[int, tuple[str, int, str]] = {
    FLOAT32: ("float32", 4, "float_data"),
    2: ("uint8", 1, "int32_data"),
    3: ("int8", 1, "int32_data"),
    6: ("int32", 4, "int32_data"),
    INT64: ("int64", 8, "int64_data"),
}


class OperatorError(ContractError):
    """The graph has an operator, or a use of one, that no highway network needs."""


class WeightError(ContractError):
    """A weight is not finite, not used, not in the file, or of another size than its values."""


def check_graph(graph: ModelGraph) -> None:
    """Raise a `ContractError` for a graph that `highway export` would not write."""
    _check_kind(graph)
    _check_versions(graph)
    _check_count("nodes", len(graph.nodes))
    _check_count("weights", len(graph.weights))
    constants = _check_weights(graph)
    _check_nodes(graph, constants)


def _check_kind(graph: ModelGraph) -> None:
    if graph.functions:
        raise OperatorError(
            f"expected ONNX's own operators, found functions of the file; {EXPORT_AGAIN}"
        )
    if graph.trainings:
        raise OperatorError(
            f"expected a graph for inference, found one for training; {EXPORT_AGAIN}"
        )
    if graph.sparse_weights:
        raise WeightError(f"expected dense weights, found sparse ones; {EXPORT_AGAIN}")
    if not graph.nodes:
        raise ContractError(f"expected an ONNX model with a graph, found none; {EXPORT_AGAIN}")


def _check_versions(graph: ModelGraph) -> None:
    if graph.opsets != [("", OPSET)] or graph.ir_version != IR_VERSION:
        opsets = ", ".join(f"{domain} {version}".strip() for domain, version in graph.opsets[:5])
        raise ContractError(
            f"expected opset {OPSET} and IR {IR_VERSION}, found opsets {_short(opsets)} and "
            f"IR {graph.ir_version}; {EXPORT_AGAIN}"
        )


def _check_count(kind: str, count: int) -> None:
    if count > MAX_NODES:
        raise ContractError(
            f"expected at most {MAX_NODES:,} {kind}, found {count:,}; {EXPORT_AGAIN}"
        )


def _check_weights(graph: ModelGraph) -> dict[str, int]:
    """Check all weights; return the int64 constants by name, with the product of their values."""
    used = {name for node in graph.nodes for name in node.inputs}
    names: set[str] = set()
    constants: dict[str, int] = {}
    for weight in graph.weights:
        if weight.is_external:
            raise _weight_error(weight, "its values are in another file; they must be in this one")
        if weight.name in names:
            raise _weight_error(weight, "expected distinct names, found this one twice")
        names.add(weight.name)
        if weight.name not in used:
            raise _weight_error(weight, "no node of the graph uses it")
        _check_values(weight)
        if weight.data_type == INT64 and "raw_data" in weight.values:
            values = np.frombuffer(weight.values["raw_data"], "<i8")
            is_short = len(values) <= MAX_AXES
            constants[weight.name] = _product(values.tolist()) if is_short else MAX_EXPANDED + 1
    return constants


def _product(sizes: Iterable[int]) -> int:
    """Return the product of sizes, where −1 and 0 count as 1; `MAX_EXPANDED` + 1 if larger."""
    product = 1
    for size in sizes:
        product = min(product * max(1, size), MAX_EXPANDED + 1)
    return product


def _check_values(weight: Weight) -> None:
    """Check type, sizes, number of values, and that they are finite."""
    if weight.data_type not in TYPES:
        names = ", ".join(name for name, _, _ in TYPES.values())
        found = weight.data_type
        raise _weight_error(weight, f"expected one of the types {names}, found number {found}")
    name, size, typed_field = TYPES[weight.data_type]
    if len(weight.sizes) > MAX_AXES or any(length < 1 for length in weight.sizes):
        raise _weight_error(
            weight, f"expected at most {MAX_AXES} axes with sizes of at least 1, found others"
        )
    expected = prod(weight.sizes)
    if list(weight.values) == ["raw_data"]:
        found, rest = divmod(len(weight.values["raw_data"]), size)
    elif list(weight.values) == [typed_field]:
        found, rest = _count(weight.values[typed_field], typed_field)
    else:
        found = rest = 0
    if found != expected or rest:
        raise _weight_error(weight, f"expected {expected:,} values of {name}, found {found:,}")
    if weight.data_type == FLOAT32:
        (content,) = weight.values.values()
        if not np.isfinite(np.frombuffer(content, "<f4")).all():
            raise _weight_error(weight, "expected finite numbers, found NaN or infinity")


def _count(content: memoryview, typed_field: str) -> tuple[int, int]:
    """Return the number of values in a typed field, and the bytes after the last one."""
    if typed_field == "float_data":
        return divmod(len(content), 4)
    ends = np.flatnonzero(np.frombuffer(content, np.uint8) < 0x80)  # last bytes of varints
    return len(ends), len(content) - 1 - int(ends[-1]) if len(ends) else len(content)


def _check_nodes(graph: ModelGraph, constants: dict[str, int]) -> None:
    """Check nodes in their order; each may read only what is computed before it.

    `constants` and the values computed from them alone are the only shapes.
    """
    known = {tensor.name for tensor in graph.inputs} | {weight.name for weight in graph.weights}
    tables = {weight.name for weight in graph.weights if len(weight.sizes) == 2}
    shapes = dict(constants)
    for node in graph.nodes:
        _check_operator(node)
        for name in node.inputs:
            if name and name not in known:
                raise _node_error(node, "expected inputs that an earlier node computes", "another")
        for name in node.outputs:
            if name in known:
                raise _node_error(node, "expected outputs with names of their own", "a known one")
            known.add(name)
        _check_shape_inputs(node, shapes, tables)
    for tensor in graph.outputs:
        if tensor.name not in known:
            raise ContractError(
                f"output {_quoted(tensor.name)}: no node of the graph computes it; {EXPORT_AGAIN}"
            )


def _check_operator(node: Node) -> None:
    if node.domain not in DEFAULT_DOMAINS:
        found = f"{_short(node.operator)} of the domain {_quoted(node.domain)}"
        raise _node_error(node, "expected ONNX's own operators", found)
    if any(attribute.has_subgraph for attribute in node.attributes):
        raise _node_error(node, "expected no control flow", _short(node.operator))
    if node.operator not in OPERATORS:
        raise _node_error(node, "expected an operator of highway networks", _short(node.operator))
    kinds = OPERATORS[node.operator].attributes
    for attribute in node.attributes:
        if kinds.get(attribute.name) != attribute.kind or not _is_plain(attribute):
            expected = f"expected the attributes that `highway export` writes for {node.operator}"
            raise _node_error(node, expected, f"another {_quoted(attribute.name)}")
    if len({attribute.name for attribute in node.attributes}) < len(node.attributes):
        raise _node_error(node, "expected each attribute once", "one twice")


def _is_plain(attribute: Attribute) -> bool:
    """Whether the value has its attribute's type and is of a usual size."""
    value, kind = attribute.value, attribute.kind
    if isinstance(value, memoryview):
        if kind == FLOAT:
            return bool(np.isfinite(np.frombuffer(value, "<f4")).all())
        return kind == STRING and bytes(value[:16]) in STRINGS
    if isinstance(value, int):
        return kind == INTEGER and MIN_INTEGER <= value <= MAX_INTEGER
    if value is None:
        return False
    return kind == INTEGERS and len(value) <= MAX_INTEGERS and _are_sizes(value)


def _are_sizes(values: Iterable[int]) -> bool:
    return all(0 <= value <= MAX_INTEGER for value in values)


def _check_shape_inputs(node: Node, shapes: dict[str, int], tables: Set[str]) -> None:
    """Check the inputs that decide the output's shape; add this node's output if it is a shape.

    `tables` are the weights (rows, values).
    """
    operator = OPERATORS[node.operator]
    if operator.table and not tables.isdisjoint(node.inputs[:1]):
        return  # one row of the table for each index, as an embedding needs
    for position in operator.shape_inputs:
        name = node.inputs[position] if position < len(node.inputs) else ""
        if name and name not in shapes:
            raise _node_error(node, "expected a shape by constants", "a computed one")
        if node.operator == "Expand" and shapes.get(name, 0) > MAX_EXPANDED:
            expected = f"expected at most {MAX_EXPANDED:,} values of a row"
            raise _node_error(node, expected, "more")
    if node.operator == "Shape":
        size = 1 if _is_batch_size(node) else MAX_EXPANDED  # a whole shape, once
        shapes.update(dict.fromkeys(node.outputs, size))
    elif node.operator == "Concat" and all(name in shapes for name in node.inputs):
        size = _product(shapes[name] for name in node.inputs)
        shapes.update(dict.fromkeys(node.outputs, size))


def _is_batch_size(node: Node) -> bool:
    return {attribute.name: attribute.value for attribute in node.attributes} == _FIRST_AXIS


_FIRST_AXIS = {"start": 0, "end": 1}


def _node_error(node: Node, expected: str, found: str) -> OperatorError:
    return OperatorError(f"node {_quoted(node.name)}: {expected}, found {found}; {EXPORT_AGAIN}")


def _weight_error(weight: Weight, problem: str) -> WeightError:
    return WeightError(f"weight {_quoted(weight.name)}: {problem}; {EXPORT_AGAIN}")


def _quoted(name: str) -> str:
    return f"'{_short(name)}'"


def _short(text: str) -> str:
    """Return a text of the file as a message shows it: one short line."""
    text = json.dumps(text[:101], ensure_ascii=not text.isprintable())[1:-1]
    return text if len(text) <= 100 else text[:100] + "…"
