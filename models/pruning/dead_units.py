"""Units that are 0 for every row, wherever they are handed on: nothing is lost without them.

A highway layer hands its units on, so one can go only where it is 0 before the first highway layer
of a row of them and after each. Rectifiers leave such units behind; other activations hardly do.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from models.data.dataset import Part
from models.evaluation import rows_in_order
from models.networks.blocks import Block, ConvBlock, DenseBlock, GateBlock
from models.networks.layers import HighwayLayer
from models.networks.network import HighwayClassifier
from models.pruning.surgery import Weights, block_place, rebuilt


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Blocks of one width: the plain layer at `start` that makes it, and the rest before `end`."""

    start: int
    end: int


def stretches(blocks: tuple[Block, ...]) -> Iterator[Stretch]:
    """Yield every plain layer with what follows it up to the next; what comes before is the data's.

    A dense highway layer may take an image as one row: then a stretch is not all of one width, and
    is left out.
    """
    plain = [
        place for place, block in enumerate(blocks) if isinstance(block, DenseBlock | ConvBlock)
    ]
    for start, end in pairwise([*plain, len(blocks)]):
        layers = (b for b in blocks[start:end] if isinstance(b, DenseBlock | ConvBlock | GateBlock))
        if len({layer.width for layer in layers}) == 1:
            yield Stretch(start=start, end=end)


@torch.no_grad()
def without_dead_units(network: HighwayClassifier, part: Part) -> tuple[HighwayClassifier, int]:
    """Drop the units that are 0 throughout for all rows of `part`; return how many went, too."""
    found = list(stretches(network.config.blocks))
    alive = _alive(network, part, found)
    blocks, weights, dropped = network.config.blocks, dict(network.state_dict()), 0
    for stretch, lives in zip(found, alive, strict=True):
        if not lives.any():
            lives[0] = True  # a layer of no units is none
        if not lives.all():
            blocks = _narrowed(blocks, stretch, int(lives.sum()))
            _drop(weights, network, stretch, lives)
            dropped += int((~lives).sum())
    return rebuilt(network, blocks, weights), dropped


def _alive(network: HighwayClassifier, part: Part, found: list[Stretch]) -> list[Tensor]:
    """For each stretch, (width,): whether a unit is ever other than 0 at any of its blocks."""
    alive: list[Tensor | None] = [None] * len(found)
    for rows, _ in rows_in_order(network, part):
        x = network.prepared(rows)
        for place, block in enumerate(network.blocks):
            x = block(x)[0] if isinstance(block, HighwayLayer) else block(x)
            for index, stretch in enumerate(found):
                if stretch.start <= place < stretch.end:
                    lives = (x.transpose(0, 1).flatten(1) != 0).any(dim=1)
                    seen = alive[index]
                    alive[index] = lives if seen is None else seen | lives
    return [lives for lives in alive if lives is not None]


def _narrowed(blocks: tuple[Block, ...], stretch: Stretch, width: int) -> tuple[Block, ...]:
    return tuple(
        replace(block, width=width)
        if stretch.start <= place < stretch.end
        and isinstance(block, DenseBlock | ConvBlock | GateBlock)
        else block
        for place, block in enumerate(blocks)
    )


def _drop(weights: Weights, network: HighwayClassifier, stretch: Stretch, lives: Tensor) -> None:
    """Cut the dead units out of the stretch's weights, and out of what reads it."""
    for name in list(weights):
        place = block_place(name)
        if place is None:  # outside the blocks the output layer alone has units before it
            reads = name.startswith("output.") and stretch.end == len(network.blocks)
        else:
            if stretch.start <= place < stretch.end:
                weights[name] = _cut(weights[name], lives, dim=0)
            reads = stretch.start < place <= stretch.end
        if weights[name].ndim > 1 and reads:
            weights[name] = _cut(weights[name], lives, dim=1)


def _cut(weight: Tensor, lives: Tensor, *, dim: int) -> Tensor:
    """Keep the living units' share of a dimension that repeats them.

    The rows of one product are H's units, then T's; its columns are, after an image was laid out
    as one row, each unit's positions.
    """
    size, width = weight.shape[dim], len(lives)
    keep = lives.repeat(size // width) if dim == 0 else lives.repeat_interleave(size // width)
    return weight.index_select(dim, keep.nonzero().flatten())
