"""Layers of a user's network that the service cannot serve, named as torch names them."""

import onnx

from export.errors import LayerError
from service.contract import ContractError
from service.graph_rules import check_graph
from service.model_graph import read_graph
from service.operators import OPERATORS

# What torch's exporter writes for usual layers and functions, and what to use in their place.
SOURCES = {
    "ArgMax": "torch.argmax",
    "Atan": "torch.atan or torch.atan2",
    "ConstantOfShape": "a tensor made in forward, such as x.new_zeros; register it as a buffer",
    "ConvTranspose": "nn.ConvTranspose2d",
    "CumSum": "torch.cumsum",
    "Einsum": "torch.einsum; use torch.matmul",
    "GRU": "nn.GRU",
    "GatherElements": "torch.gather",
    "GatherND": "an index by a tensor, such as x[:, columns]; use x.index_select(1, columns)",
    "LSTM": "nn.LSTM",
    "Loop": "a loop over the rows, or nn.EmbeddingBag",
    "NonZero": "an index by a mask, such as x[mask]; use torch.where",
    "Pad": "torch.nn.functional.pad or a padding layer; use the padding of a convolution",
    "RandomNormalLike": "random numbers in forward",
    "RandomUniformLike": "random numbers in forward",
    "ReduceLogSumExp": "torch.logsumexp",
    "ReduceProd": "torch.prod",
    "Resize": "nn.Upsample or torch.nn.functional.interpolate",
    "ScatterElements": "torch.scatter",
    "ScatterND": "an assignment to a part of a tensor; use torch.where or torch.cat",
    "Tile": "x.repeat; use x.expand",
    "TopK": "torch.topk or torch.sort",
}


def check_operators(model: onnx.ModelProto) -> None:
    """Raise `LayerError` for an operator that the service does not serve, with its probable source.

    All other rules of the service are checked with the finished file.
    """
    for node in model.graph.node:
        if node.op_type not in OPERATORS:
            source = SOURCES.get(node.op_type, "a layer or function of torch")
            raise LayerError(
                f"network: the service does not serve the operator {node.op_type!r} of "
                f"{node.name.split('/')[0]!r}, which comes from {source}; leave it out of the "
                "network"
            )
    try:
        check_graph(read_graph(model.SerializeToString()))
    except ContractError as error:
        reason = str(error).rpartition("; ")[0]
        raise LayerError(
            f"network: the service does not serve a use of a layer: {reason}; write that layer "
            "with shapes that do not depend on the rows"
        ) from error
