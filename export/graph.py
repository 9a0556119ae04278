"""The trained network as an ONNX graph with the contract's inputs and outputs.

Nodes and weights are named after their layer, for viewers: torch names nodes by operation and
weights by their index in its modules. Here the product of highway layer 3 is `highway_3/Gemm` and
its weights are `highway_3/branches.weight`, with the layer's number in the network as trained.
"""

import ast
import re
import warnings
from collections import Counter

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from models.gates.typicality import Typicality
from models.networks.blocks import GateBlock
from models.networks.network import HighwayClassifier, NetworkConfig, mean_gates, unit_gates
from service import __version__
from service.contract import GATE_SCALE, INPUT, OUTPUTS, TYPICALITY
from service.graph_rules import IR_VERSION, OPSET

PRODUCER = "highway-networks"
SCOPES = "pkg.torch.onnx.name_scopes"  # metadata of a node: torch's modules around it
NETWORK, PREPARATION, RESULTS = "network", "preparation", "results"  # owners of nodes


class ServedNetwork(nn.Module):
    """The module of the artifact: the network, its gates, and their typicality."""

    def __init__(self, network: HighwayClassifier, typicality: Typicality) -> None:
        super().__init__()
        self.network = network
        self.typicality = typicality

    @property
    def layers(self) -> int:
        """The number of highway layers."""
        return len(self.network.config.highway_blocks)

    def forward(self, x: Tensor, gate_scale: Tensor) -> tuple[Tensor, ...]:
        """Return the contract's outputs, in its order."""
        logits, gates = self.network(x, gate_scale)
        units = [unit_gates(gate) for gate in gates]
        probabilities, gate_units = torch.softmax(logits, dim=1), torch.cat(units, dim=1)
        typicality = self.typicality(logits, probabilities, gate_units)
        return logits, probabilities, mean_gates(units), gate_units, typicality


def build_graph(served: ServedNetwork) -> onnx.ModelProto:
    """Convert the network; the same weights give the same bytes on every machine and path."""
    network, layers = served.network, served.layers
    # Two example rows: torch.export treats a size of 0 or 1 as constant.
    example = torch.zeros(2, network.config.features), torch.ones(2, layers)
    batch = torch.export.Dim("batch", min=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside torch's exporter
        program = torch.onnx.export(
            served.eval(),
            example,
            input_names=[INPUT, GATE_SCALE],
            output_names=list(OUTPUTS),
            dynamic_shapes=({0: batch}, {0: batch}),
            opset_version=OPSET,
            external_data=False,
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # torch returns None only if it writes a file
    model = program.model_proto
    _name_by_layer(model.graph, network.config)  # before the scopes are removed
    _remove_traces(model)
    _add_default_gate_scale(model.graph, layers)
    model.ir_version = IR_VERSION
    model.producer_name, model.producer_version = PRODUCER, __version__
    return model


def _remove_traces(model: onnx.ModelProto) -> None:
    """Remove source paths, line numbers and stack traces, which torch writes on every node.

    The shapes of inner tensors are removed too: torch traced `gate_scale` as (batch, layers), and
    onnxruntime would reuse buffers by these shapes.
    """
    graph = model.graph
    del graph.value_info[:]
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    graph.name = PRODUCER


def _add_default_gate_scale(graph: onnx.GraphProto, layers: int) -> None:
    """Make `gate_scale` an overridable initializer, (1, layers) ones, with its own first axis."""
    ones = numpy_helper.from_array(np.ones((1, layers), np.float32), GATE_SCALE)
    graph.initializer.append(ones)
    scale = next(value for value in graph.input if value.name == GATE_SCALE)
    scale.CopyFrom(helper.make_tensor_value_info(GATE_SCALE, TensorProto.FLOAT, ["rows", layers]))


def _name_by_layer(graph: onnx.GraphProto, config: NetworkConfig) -> None:
    """Rename nodes, weights and inner tensors; inputs and outputs keep the contract's names."""
    layers = _layer_names(config)
    names = {value.name: value.name for value in (*graph.input, *graph.output)}
    for tensor in graph.initializer:
        names[tensor.name] = _weight_name(tensor.name, layers)
    counts: Counter[str] = Counter()
    owners: dict[str, str] = {}  # layer of each inner tensor
    for node in graph.node:
        owner = _owner(node, layers, owners)
        node.name = f"{owner}/{node.op_type}"
        counts[node.name] += 1
        if counts[node.name] > 1:
            node.name += f"_{counts[node.name]}"
        for index, output in enumerate(node.output):
            owners[output] = owner
            names.setdefault(output, node.name + (f":{index}" if len(node.output) > 1 else ""))
        for index, name in enumerate(node.input):
            if names.get(name) == "":  # a constant without a module: named after its first reader
                names[name] = f"{node.name}/constant_{index}"
    for node in graph.node:
        node.input[:] = [names[name] if name else "" for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    for tensor in graph.initializer:
        tensor.name = names[tensor.name]


def _layer_names(config: NetworkConfig) -> list[str]:
    """Name the blocks: highway layers by number, the others by kind, counted from 1."""
    counts: Counter[str] = Counter()
    names = []
    for block in config.blocks:
        if isinstance(block, GateBlock):
            names.append(f"highway_{block.number}")
            continue
        kind = block.kind.replace("-", "_")
        counts[kind] += 1
        names.append(f"{kind}_{counts[kind]}")
    return names


def _weight_name(name: str, layers: list[str]) -> str:
    """Return a weight's new name, or "" for a constant outside all modules."""
    if name.startswith(f"{TYPICALITY}."):
        return name.replace(".", "/", 1)
    match = re.fullmatch(rf"{NETWORK}\.(?:blocks\.(\d+)|(\w+))\.(.+)", name)
    if match is None:
        return ""
    block, module, parameter = match.groups()
    return f"{module if block is None else layers[int(block)]}/{parameter}"


def _owner(node: onnx.NodeProto, layers: list[str], owners: dict[str, str]) -> str:
    """Return the layer of a node: that of its torch module, or else of its first input."""
    properties = {prop.key: prop.value for prop in node.metadata_props}
    scopes = ast.literal_eval(properties.get(SCOPES, f"['{NETWORK}']"))
    for scope in reversed(scopes):
        match = re.match(rf"{NETWORK}\.(?:blocks\.(\d+)|(\w+))", scope)
        if match is not None:
            block, module = match.groups()
            return module if block is None else layers[int(block)]
    if TYPICALITY in scopes:
        return TYPICALITY
    if NETWORK not in scopes:
        return RESULTS
    first = node.input[0]
    return GATE_SCALE if first == GATE_SCALE else owners.get(first, PREPARATION)
