"""The plain twin: the same network without gates, made wider until it has as many parameters.

It is what the papers compare with: 71 plain units for 50 highway units (section 3.1).
"""

from dataclasses import replace

from models.networks.blocks import (
    Block,
    ConvBlock,
    DenseBlock,
    GateBlock,
    HighwayBlock,
    HighwayConvBlock,
)


def plain_twin(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    """Replace every highway layer by a plain one of the nearest number of parameters.

    The plain layers that lead to them take their width, so that sizes still meet.
    """
    twins: list[Block] = []
    for block, following in zip(blocks, _next_gates(blocks), strict=True):
        match block:
            case HighwayBlock() | HighwayConvBlock():
                twins.append(_plain(block))
            case DenseBlock() | ConvBlock() if following is not None:
                if following.width == block.width:
                    twins.append(replace(block, width=_plain(following).width))
                else:
                    twins.append(block)
            case _:
                twins.append(block)
    return tuple(twins)


def _next_gates(blocks: tuple[Block, ...]) -> list[GateBlock | None]:
    """For each block, the first highway layer after it that no further plain layer precedes."""
    following: list[GateBlock | None] = []
    nearest: GateBlock | None = None
    for block in reversed(blocks):
        following.append(nearest)
        if isinstance(block, GateBlock):
            nearest = block
        elif isinstance(block, DenseBlock | ConvBlock):
            nearest = None
    return following[::-1]


def _plain(block: GateBlock) -> DenseBlock | ConvBlock:
    if isinstance(block, HighwayBlock):
        highway = 2 * _parameters(block.width, 1)
        width = _nearest_width(highway, 1)
        return DenseBlock(width=width, activation=block.activation)
    highway = _parameters(block.width, block.kernel**2)
    highway += _parameters(block.width, block.gate_kernel**2)
    width = _nearest_width(highway, block.kernel**2)
    return ConvBlock(
        width=width,
        kernel=block.kernel,
        padding=block.kernel // 2,
        activation=block.activation,
    )


def _parameters(width: int, window: int) -> int:
    """Count weights and biases of one branch of `width` units over a window of positions."""
    return window * width**2 + width


def _nearest_width(parameters: int, window: int) -> int:
    widest = int((parameters / window) ** 0.5) + 1
    return min(range(1, widest + 1), key=lambda w: abs(_parameters(w, window) - parameters))
