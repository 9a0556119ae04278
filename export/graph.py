"""The trained network as an ONNX graph with the contract's inputs and outputs.

Nodes and weights are named after their layer, for viewers: torch names nodes by operation and
weights by their index in its modules. Here the product of highway layer 3 is `highway_3/Gemm` and
its weights are `highway_3/branches.weight`, with the layer's number in the network as trained.
"""

import ast
import logging
import warnings
from collections import Counter
from collections.abc import Mapping

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.onnx import OnnxExporterError

from export.errors import LayerError
from models.errors import first_line
from models.gates.directions import tensor_log_odds
from models.gates.typicality import LAYERS, Typicality
from models.networks.classifier import GatedClassifier
from models.networks.layers import Mixed
from models.networks.network import layer_means, unit_gates
from service import __version__
from service.contract import GATE_SCALE, INPUT, LAYER_TYPICALITY, OUTPUTS, TYPICALITY
from service.graph_rules import IR_VERSION, OPSET

PRODUCER = "highway-networks"
# Warns in a notebook that torchvision, which no network here uses, is not installed.
REGISTRATION = logging.getLogger("torch.onnx._internal.exporter._registration")
SCOPES = "pkg.torch.onnx.name_scopes"  # metadata of a node: torch's modules around it
NETWORK, PREPARATION, RESULTS = "network", "preparation", "results"  # owners of nodes
# Owners of what is computed after the network, by torch's module; inner modules first.
PARTS = {
    f"{TYPICALITY}.{LAYERS}": LAYER_TYPICALITY,
    TYPICALITY: TYPICALITY,
    RESULTS: RESULTS,
}


class ServedNetwork(nn.Module):
    """The module of the artifact: the network, its gates, and their typicality."""

    def __init__(self, network: GatedClassifier, typicality: Typicality) -> None:
        super().__init__()
        self.network = network
        self.results = Results()
        self.typicality = typicality

    @property
    def layers(self) -> int:
        """The number of highway layers."""
        return len(self.network.gate_layers)

    def forward(self, x: Tensor, gate_scale: Tensor) -> tuple[Tensor, ...]:
        """Return the contract's outputs, in its order."""
        logits, layers = self.network.compute(x, gate_scale)
        probabilities, gate_mean, gate_units, log_odds = self.results(logits, layers)
        typicality = self.typicality(logits, probabilities, log_odds)
        layer_typicality = self.typicality.layers(probabilities, gate_units)
        return logits, probabilities, gate_mean, gate_units, typicality, layer_typicality


class Results(nn.Module):
    """Probabilities and gates from the tensors of the network."""

    def forward(self, logits: Tensor, layers: list[Mixed]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return probabilities, mean gates, gates (rows, units) and the log-odds of the gates."""
        gate_units, log_odds = self.gates(layers)
        widths = [layer.gates.shape[1] for layer in layers]
        return (
            torch.softmax(logits, dim=1),
            layer_means(gate_units, widths),
            gate_units,
            log_odds,
        )

    @staticmethod
    def gates(layers: list[Mixed]) -> tuple[Tensor, Tensor]:
        """Return gates and their log-odds, (rows, units) each; a channel's gate is its mean.

        The log-odds of dense layers are known before the sigmoid, and need no logarithm.
        """
        gate_units = torch.cat([unit_gates(layer.gates) for layer in layers], dim=1)
        if all(layer.gates.dim() == 2 for layer in layers):
            return gate_units, torch.cat([layer.log_odds for layer in layers], dim=1)
        return gate_units, tensor_log_odds(gate_units)


def build_graph(served: ServedNetwork) -> onnx.ModelProto:
    """Convert the network; the same weights give the same bytes on every machine and path.

    Raises `LayerError` for a user's module that torch cannot export.
    """
    model = _traced(served.eval())
    _name_by_layer(model.graph, served.network.owners)  # before the scopes are removed
    _remove_traces(model)
    _add_default_gate_scale(model.graph, served.layers)
    model.ir_version = IR_VERSION
    model.producer_name, model.producer_version = PRODUCER, __version__
    return model


def _traced(served: ServedNetwork) -> onnx.ModelProto:
    # Two example rows: torch.export treats a size of 0 or 1 as constant. One row of scales: with
    # one axis for both, torch would take the size of a batch from the scales, which may be 1.
    example = torch.zeros(2, served.network.features), torch.ones(1, served.layers)
    REGISTRATION.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside torch's exporter
        try:
            program = torch.onnx.export(
                served,
                example,
                input_names=[INPUT, GATE_SCALE],
                output_names=list(OUTPUTS),
                dynamic_shapes=({0: torch.export.Dim("batch", min=1)}, None),
                opset_version=OPSET,
                external_data=False,
                dynamo=True,
                verbose=False,
            )
        except OnnxExporterError as error:
            cause = error.__cause__ or error
            raise LayerError(
                f"network: torch cannot export it: {type(cause).__name__}: {first_line(cause)}; "
                "avoid Python conditions on values of the rows and operators without an ONNX form"
            ) from error
    assert program is not None  # torch returns None only if it writes a file
    model: onnx.ModelProto = program.model_proto
    return model


def _remove_traces(model: onnx.ModelProto) -> None:
    """Remove source paths, line numbers and stack traces, which torch writes on every node.

    The shapes of inner tensors are removed too: torch traced `gate_scale` as (1, layers), and
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


def _name_by_layer(graph: onnx.GraphProto, modules: Mapping[str, str]) -> None:
    """Rename nodes, weights and inner tensors; inputs and outputs keep the contract's names.

    `modules` are the names of the network's modules by their paths in it.
    """
    names = {value.name: value.name for value in (*graph.input, *graph.output)}
    for tensor in graph.initializer:
        names[tensor.name] = _weight_name(tensor.name, modules)
    counts: Counter[str] = Counter()
    owners: dict[str, str] = {}  # layer of each inner tensor
    for node in graph.node:
        owner = _owner(node, modules, owners)
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


def _weight_name(name: str, modules: Mapping[str, str]) -> str:
    """Return a weight's new name, or "" for a constant outside all modules."""
    for part, owner in PARTS.items():
        if name.startswith(f"{part}."):
            return name.replace(f"{part}.", f"{owner}/", 1)
    if not name.startswith(f"{NETWORK}."):
        return ""
    path = name.removeprefix(f"{NETWORK}.")
    module = _module(path, modules)
    return "" if module is None else f"{modules[module]}/{path.removeprefix(f'{module}.')}"


def _owner(node: onnx.NodeProto, modules: Mapping[str, str], owners: dict[str, str]) -> str:
    """Return the layer of a node: that of its torch module, or else of its latest input.

    `owners` are the layers of all tensors so far, in the order of their nodes.
    """
    properties = {prop.key: prop.value for prop in node.metadata_props}
    scopes = ast.literal_eval(properties.get(SCOPES, "[]"))
    for scope in reversed(scopes):
        module = _module(scope.removeprefix(f"{NETWORK}."), modules)
        if scope.startswith(f"{NETWORK}.") and module is not None:
            return modules[module]
    for scope in reversed(scopes):
        if scope in PARTS:
            return PARTS[scope]
    if GATE_SCALE in node.input:
        return GATE_SCALE
    computed = set(node.input)
    return next((owners[name] for name in reversed(owners) if name in computed), PREPARATION)


def _module(path: str, modules: Mapping[str, str]) -> str | None:
    """Return the innermost of `modules` that the path is in, or None."""
    parts = path.split(".")
    paths = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((path for path in paths if path in modules), None)
