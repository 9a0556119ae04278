"""Stages of a network: neighbouring layers of one shape (Greff, Srivastava, Schmidhuber 2016).

The layers of a stage estimate the same features, each a little better than the one before it
(arXiv 1612.07771, section 3), so they can be compared with each other and exchanged.
"""

from itertools import groupby

from torch import nn

from models.networks.layers import HighwayLayer, PlainConv, PlainDense
from models.networks.network import HighwayClassifier

Stages = tuple[tuple[int, ...], ...]


def stages(network: HighwayClassifier) -> Stages:
    """Return the positions in `network.blocks`, from 0, of the layers of each stage.

    The layers are all highway layers or, in a network without any, the plain layers that keep the
    shape of their input. A pool, a layer of another kind and a change of the shape end a stage.
    Dropout does not, because it does nothing in evaluation mode.
    """
    gated = bool(network.config.highway_blocks)
    blocks = [
        (_layer_type(block, gated), position)
        for position, block in enumerate(network.blocks)
        if not isinstance(block, nn.Dropout)
    ]
    runs = groupby(blocks, key=lambda block: block[0])
    return tuple(tuple(position for _, position in run) for layer, run in runs if layer is not None)


def layer_stages(network: HighwayClassifier) -> Stages:
    """Return the same stages with the layers counted from 0, without the blocks between them."""
    found = stages(network)
    layers = {position: layer for layer, position in enumerate(sum(found, ()))}
    return tuple(tuple(layers[position] for position in stage) for stage in found)


def _layer_type(block: nn.Module, gated: bool) -> type[nn.Module] | None:
    """Return the type of a layer that may belong to a stage, else None."""
    belongs = isinstance(block, HighwayLayer) if gated else _keeps_shape(block)
    return type(block) if belongs else None


def _keeps_shape(block: nn.Module) -> bool:
    match block:
        case PlainDense():
            return block.linear.in_features == block.linear.out_features
        case PlainConv():
            window = block.convolution
            padding, kernel = window.padding[0], window.kernel_size[0]
            return window.in_channels == window.out_channels and 2 * int(padding) == kernel - 1
    return False
