"""Names that a person can read: every node and weight says which layer it belongs to.

torch names nodes by operation and number, weights by their place in its modules. Here highway
layer 3's product is `highway_3/Gemm` and its weights are `highway_3/branches.weight`, with the
layer's number as trained, so that a viewer shows the network as its layers.
"""

import ast
import re
from collections import Counter

import onnx

from models.networks.blocks import GateBlock
from models.networks.network import NetworkConfig
from service.contract import GATE_SCALE

SCOPES = "pkg.torch.onnx.name_scopes"  # where torch notes the modules around a node
ANSWER, PREPARATION, UNUSUALNESS = "answer", "preparation", "unusualness"


def name_by_layer(model: onnx.ModelProto, config: NetworkConfig) -> None:
    """Rename nodes, weights and inner tensors; inputs and outputs keep the contract's names."""
    graph = model.graph
    layers = _layer_names(config)
    fixed = {value.name for value in (*graph.input, *graph.output)}
    names = {name: name for name in fixed}
    for tensor in graph.initializer:
        names[tensor.name] = _weight_name(tensor.name, layers)
    counts: Counter[str] = Counter()
    owners: dict[str, str] = {}  # which layer an inner tensor comes from
    for node in graph.node:
        owner = _owner(node, layers, owners)
        counts[f"{owner}/{node.op_type}"] += 1
        repeat = counts[f"{owner}/{node.op_type}"]
        node.name = f"{owner}/{node.op_type}" + (f"_{repeat}" if repeat > 1 else "")
        for place, output in enumerate(node.output):
            owners[output] = owner
            names.setdefault(output, node.name + (f":{place}" if len(node.output) > 1 else ""))
        for place, name in enumerate(node.input):
            if names.get(name) == "":  # a constant of torch's own: named after who uses it first
                names[name] = f"{node.name}/constant_{place}"
    for node in graph.node:
        node.input[:] = [names[name] if name else "" for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    for tensor in graph.initializer:
        tensor.name = names[tensor.name]


def _layer_names(config: NetworkConfig) -> list[str]:
    """Name the blocks: a highway layer by its number, the others by kind, counted from 1."""
    counts: Counter[str] = Counter()
    names = []
    for block in config.blocks:
        if isinstance(block, GateBlock):
            names.append(f"highway_{block.number}")
        else:
            kind = block.kind.replace("-", "_")
            counts[kind] += 1
            names.append(f"{kind}_{counts[kind]}")
    return names


def _weight_name(name: str, layers: list[str]) -> str:
    """Return a weight's new name, or "" for a constant that belongs to no module."""
    if name.startswith(f"{UNUSUALNESS}."):
        return name.replace(".", "/", 1)
    part = re.fullmatch(r"network\.(?:blocks\.(\d+)|(\w+))\.(.+)", name)
    if part is None:
        return ""
    place, room, rest = part.groups()
    return f"{room if place is None else layers[int(place)]}/{rest}"


def _owner(node: onnx.NodeProto, layers: list[str], owners: dict[str, str]) -> str:
    """Return the layer that a node belongs to: by its modules, or else by what it reads."""
    notes = {prop.key: prop.value for prop in node.metadata_props}
    scopes = ast.literal_eval(notes.get(SCOPES, "['network']"))
    for scope in reversed(scopes):
        part = re.match(r"network\.(?:blocks\.(\d+)|(\w+))", scope)
        if part is not None:
            place, room = part.groups()
            return room if place is None else layers[int(place)]
    if UNUSUALNESS in scopes:
        return UNUSUALNESS
    if "network" not in scopes:
        return ANSWER
    first = node.input[0]
    return GATE_SCALE if first == GATE_SCALE else owners.get(first, PREPARATION)
