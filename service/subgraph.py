"""Parts of a model's graph, as models of their own.

onnxruntime computes all nodes of a graph in every run, whichever outputs are fetched. So an output
that is rarely requested is computed by a second session, from the outputs of the first.

Source of the field numbers: onnx.proto of ONNX 1.23. `model_graph` has checked the file before.
"""

from collections.abc import Set

from service.protobuf import Reader, write_field

GRAPH, METADATA = 7, 14  # fields of ModelProto
NODE, WEIGHT, GRAPH_INPUT, GRAPH_OUTPUT = 1, 5, 11, 12  # fields of GraphProto
NODE_INPUT, NODE_OUTPUT = 1, 2  # fields of NodeProto
NAME_FIELDS = {WEIGHT: 8, GRAPH_INPUT: 1, GRAPH_OUTPUT: 1}  # of TensorProto and ValueInfoProto


def subgraph(model: bytes, outputs: Set[str], known: Set[str] = frozenset()) -> bytes:
    """Return a model that computes `outputs` from the inputs and from the `known` outputs.

    It has the inputs and weights that it needs, and no metadata.
    """
    return b"".join(
        write_field(number, _part(value, outputs, known) if number == GRAPH else value)
        for number, _, value in Reader().values(memoryview(model))
        if number != METADATA
    )


def _part(graph: int | memoryview, outputs: Set[str], known: Set[str]) -> bytes:
    """Return the GraphProto that computes `outputs`."""
    fields = [(number, value) for number, _, value in Reader().values(_message(graph))]
    needed, nodes = set(outputs), []
    for number, value in reversed(fields):  # a node reads what earlier nodes compute
        if number == NODE and not needed.isdisjoint(_names(value, NODE_OUTPUT) - known):
            nodes.append(value)
            needed |= _names(value, NODE_INPUT)
    content = [write_field(NODE, node) for node in reversed(nodes)]
    for number, value in fields:
        if number == NODE:
            continue
        name = _names(value, NAME_FIELDS[number]) if number in NAME_FIELDS else set()
        if number == GRAPH_OUTPUT and name <= needed & known:
            content.append(write_field(GRAPH_INPUT, value))
        elif name <= (outputs if number == GRAPH_OUTPUT else needed):
            content.append(write_field(number, value))
    return b"".join(content)


def _names(message: int | memoryview, field: int) -> set[str]:
    """Return the strings in a field of a message."""
    values = Reader().values(_message(message))
    return {str(_message(value), "utf-8") for number, _, value in values if number == field}


def _message(value: int | memoryview) -> memoryview:
    assert isinstance(value, memoryview)  # `model_graph` has checked the types
    return value
