"""Remove layers and gates from a network; each function returns a new one with its weights."""

from collections.abc import Collection, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from models.data.dataset import Part
from models.evaluation import rows_in_order
from models.networks.blocks import Block, GateBlock
from models.networks.layers import HighwayLayer
from models.networks.network import HighwayClassifier

LARGEST_RANGE = 0.01  # of a constant gate, between its extremes over all rows and positions

Weights = dict[str, Tensor]


def remove_layers(network: HighwayClassifier, layers: Collection[int]) -> HighwayClassifier:
    """Remove highway layers, indices from 0; the outputs are the same as with closed gates."""
    positions = highway_positions(network)
    removed = {positions[layer] for layer in layers}
    kept = [position for position in range(len(network.blocks)) if position not in removed]
    renumbered = {old: new for new, old in enumerate(kept)}
    weights = {}
    for name, value in network.state_dict().items():
        position = block_position(name)
        if position is None:
            weights[name] = value
        elif position in renumbered:
            new = f"blocks.{renumbered[position]}."
            weights[name.replace(f"blocks.{position}.", new, 1)] = value
    return rebuild(network, tuple(network.config.blocks[position] for position in kept), weights)


@torch.no_grad()
def find_constant_gates(network: HighwayClassifier, part: Part) -> dict[int, Tensor]:
    """Return the layers whose gates are all constant on the rows of `part`, as indices from 0.

    The values are the middle of each unit's range, (width,). Layers that already have constant
    gates are left out.
    """
    ranges: dict[int, tuple[Tensor, Tensor]] = {}
    for x, _ in rows_in_order(network, part):
        for layer, gate in enumerate(network(x)[1]):
            units = gate.transpose(0, 1).flatten(1)  # (width, rows × positions)
            low, high = units.amin(dim=1), units.amax(dim=1)
            lowest, highest = ranges.get(layer, (low, high))
            ranges[layer] = torch.minimum(lowest, low), torch.maximum(highest, high)
    folded = [block.constant_gate for block in network.config.highway_blocks]
    return {
        layer: ((low + high) / 2).clamp(1e-6, 1 - 1e-6)  # a logit must be finite
        for layer, (low, high) in ranges.items()
        if not folded[layer] and float((high - low).max()) <= LARGEST_RANGE
    }


def fold_constant_gates(
    network: HighwayClassifier, gates: Mapping[int, Tensor]
) -> HighwayClassifier:
    """Replace the gates of highway layers, indices from 0, by constants (width,) in (0, 1)."""
    positions = highway_positions(network)
    blocks = list(network.config.blocks)
    weights = dict(network.state_dict())
    for layer, gate in gates.items():
        position = positions[layer]
        block, module = blocks[position], network.blocks[position]
        assert isinstance(block, GateBlock)
        assert isinstance(module, HighwayLayer)
        blocks[position] = replace(block, constant_gate=True)
        prefix = f"blocks.{position}."
        for part in ("weight", "bias"):
            if module.shared:
                branches = weights.pop(f"{prefix}branches.{part}")
                weights[f"{prefix}transform.{part}"] = branches[: block.width]
            else:
                del weights[f"{prefix}gate.{part}"]
        weights[f"{prefix}gate_logit"] = torch.logit(gate)
    return rebuild(network, tuple(blocks), weights)


def rebuild(
    network: HighwayClassifier, blocks: tuple[Block, ...], weights: Weights
) -> HighwayClassifier:
    """Return a network with other blocks and weights, in evaluation mode."""
    rebuilt = HighwayClassifier(replace(network.config, blocks=blocks))
    rebuilt.load_state_dict(weights)
    return rebuilt.to(network.device).eval()


def highway_positions(network: HighwayClassifier) -> list[int]:
    """Return the positions of the highway layers among the blocks."""
    blocks = enumerate(network.config.blocks)
    return [position for position, block in blocks if isinstance(block, GateBlock)]


def block_position(name: str) -> int | None:
    """Return the position of the block that a weight belongs to, None for other weights."""
    parent, _, rest = name.partition(".")
    return int(rest.partition(".")[0]) if parent == "blocks" else None
