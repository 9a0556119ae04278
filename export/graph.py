"""The trained network as an ONNX graph with the contract's inputs and outputs."""

import warnings

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from export.naming import name_by_layer
from export.structure import IR_VERSION, OPSET
from models.gates.unusualness import Unusualness
from models.networks.network import HighwayClassifier, mean_gates, unit_gates
from service import __version__
from service.contract import GATE_SCALE, INPUT, OUTPUTS

PRODUCER = "highway-networks"


class ServedNetwork(nn.Module):
    """What the artifact computes: the network's answer, its gates, and how unusual they are."""

    def __init__(self, network: HighwayClassifier, unusualness: Unusualness) -> None:
        super().__init__()
        self.network = network
        self.unusualness = unusualness

    @property
    def layers(self) -> int:
        """The number of highway layers."""
        return len(self.network.config.highway_blocks)

    def forward(self, x: Tensor, gate_scale: Tensor) -> tuple[Tensor, ...]:
        """Return the contract's outputs, in its order."""
        logits, gates = self.network(x, gate_scale)
        units = [unit_gates(gate) for gate in gates]
        probabilities, together = torch.softmax(logits, dim=1), torch.cat(units, dim=1)
        unusual = self.unusualness(logits, probabilities, together)
        return logits, probabilities, mean_gates(units), together, unusual


def build_graph(served: ServedNetwork) -> onnx.ModelProto:
    """Convert the network; the same weights give the same bytes on every machine and path."""
    network, layers = served.network, served.layers
    # Two example rows: torch.export takes a size of 0 or 1 for a constant.
    example = torch.zeros(2, network.config.features), torch.ones(2, layers)
    batch = torch.export.Dim("batch", min=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside torch's own exporter
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
    if program is None:
        raise AssertionError("torch.onnx.export returns a program when it is given no file")
    model = program.model_proto
    name_by_layer(model, network.config)  # reads the scopes that are forgotten next
    _forget_sources(model)
    _give_gate_scale_a_default(model, layers)
    model.ir_version = IR_VERSION
    model.producer_name, model.producer_version = PRODUCER, __version__
    return model


def _forget_sources(model: onnx.ModelProto) -> None:
    """Drop the paths, lines and stack traces of our own source that torch writes on every node.

    The shapes of inner tensors go too: torch took `gate_scale` for (batch, layers) when it wrote
    them, and onnxruntime would reuse its buffers by them.
    """
    graph = model.graph
    del graph.value_info[:]
    for part in (model, graph, *graph.node, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    for tensor in graph.initializer:
        del tensor.metadata_props[:]
        tensor.doc_string = ""
    graph.name = PRODUCER


def _give_gate_scale_a_default(model: onnx.ModelProto, layers: int) -> None:
    """Make `gate_scale` an overridable initializer, (1, layers) ones, with an axis of its own."""
    ones = numpy_helper.from_array(np.ones((1, layers), np.float32), GATE_SCALE)
    model.graph.initializer.append(ones)
    scale = next(value for value in model.graph.input if value.name == GATE_SCALE)
    scale.CopyFrom(helper.make_tensor_value_info(GATE_SCALE, TensorProto.FLOAT, ["rows", layers]))
