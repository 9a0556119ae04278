"""Drop dead units: units that are 0 for every row in all layers that pass them on.

A highway layer passes its units on, so a unit can be dropped only if it is 0 before the first
highway layer of a sequence and after each of them. ReLU leaves such units; other activations
hardly do.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor

from models.data.dataset import Part
from models.evaluation import rows_in_order
from models.networks.blocks import Block, ConvBlock, DenseBlock, GateBlock
from models.networks.network import HighwayClassifier
from models.pruning.surgery import Weights, block_position, rebuild

WEIGHTED = DenseBlock | ConvBlock | GateBlock


def segments(blocks: tuple[Block, ...]) -> Iterator[range]:
    """Yield the positions of each plain layer and the blocks up to the next one.

    Blocks before the first plain layer work on the input's own values and are left out. So are
    segments of several widths, which occur where a dense highway layer takes a flattened image.
    """
    plain = [
        position
        for position, block in enumerate(blocks)
        if isinstance(block, DenseBlock | ConvBlock)
    ]
    for start, end in pairwise([*plain, len(blocks)]):
        layers = (block for block in blocks[start:end] if isinstance(block, WEIGHTED))
        if len({layer.width for layer in layers}) == 1:
            yield range(start, end)


@torch.no_grad()
def drop_dead_units(network: HighwayClassifier, part: Part) -> tuple[HighwayClassifier, int]:
    """Drop the units that are 0 for all rows of `part`; return the network and their number."""
    blocks, weights, dropped = network.config.blocks, dict(network.state_dict()), 0
    for segment, alive in _alive(network, part).items():
        if not alive.any():
            alive[0] = True  # a layer needs at least one unit
        if not alive.all():
            blocks = _narrowed(blocks, segment, int(alive.sum()))
            _drop(weights, network, segment, alive)
            dropped += int((~alive).sum())
    return rebuild(network, blocks, weights), dropped


def _alive(network: HighwayClassifier, part: Part) -> dict[range, Tensor]:
    """Return for each segment, (width,), which units are other than 0 in any block and row."""
    alive: dict[range, Tensor] = {}
    candidates = list(segments(network.config.blocks))
    for rows, _ in rows_in_order(network, part):
        x = network.prepare(rows)
        for position, block in enumerate(network.blocks):
            x = block(x)
            for segment in candidates:
                if position in segment:
                    units = (x.transpose(0, 1).flatten(1) != 0).any(dim=1)
                    alive[segment] = alive[segment] | units if segment in alive else units
    return alive


def _narrowed(blocks: tuple[Block, ...], segment: range, width: int) -> tuple[Block, ...]:
    return tuple(
        replace(block, width=width)
        if position in segment and isinstance(block, WEIGHTED)
        else block
        for position, block in enumerate(blocks)
    )


def _drop(weights: Weights, network: HighwayClassifier, segment: range, alive: Tensor) -> None:
    """Remove the dead units from the segment's weights and from the weights that read them."""
    for name in list(weights):
        position = block_position(name)
        if position is None:  # outside the blocks only the output layer reads units
            reads = name.startswith("output.") and segment.stop == len(network.blocks)
        else:
            if position in segment:
                weights[name] = _select(weights[name], alive, dim=0)
            reads = segment.start < position <= segment.stop
        if weights[name].ndim > 1 and reads:
            weights[name] = _select(weights[name], alive, dim=1)


def _select(weight: Tensor, alive: Tensor, *, dim: int) -> Tensor:
    """Keep the living units in a dimension whose size is a multiple of their number.

    Dimension 0 of a shared product holds the units of H, then those of T. Dimension 1 holds all
    positions of a unit, then those of the next, if an image was flattened.
    """
    size, width = weight.shape[dim], len(alive)
    keep = alive.repeat(size // width) if dim == 0 else alive.repeat_interleave(size // width)
    return weight.index_select(dim, keep.nonzero().flatten())
