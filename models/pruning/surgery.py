"""Smaller networks out of a trained one, with its weights; the network given is left as it is."""

from collections.abc import Collection, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from models.networks.blocks import Block, GateBlock
from models.networks.layers import HighwayConv, HighwayLayer
from models.networks.network import HighwayClassifier

Weights = dict[str, Tensor]


def without_layers(network: HighwayClassifier, layers: Collection[int]) -> HighwayClassifier:
    """Take highway layers out, counted from 0: what closing their gates does, at no cost."""
    places = highway_places(network)
    gone = {places[layer] for layer in layers}
    kept = [place for place in range(len(network.config.blocks)) if place not in gone]
    new_place = {old: new for new, old in enumerate(kept)}
    weights = {}
    for name, value in network.state_dict().items():
        place = block_place(name)
        if place is None:
            weights[name] = value
        elif place in new_place:
            weights[name.replace(f"blocks.{place}.", f"blocks.{new_place[place]}.", 1)] = value
    return rebuilt(network, tuple(network.config.blocks[place] for place in kept), weights)


def with_constant_gates(
    network: HighwayClassifier, gates: Mapping[int, Tensor]
) -> HighwayClassifier:
    """Give highway layers, counted from 0, constant gates (width,), each in (0, 1)."""
    places = highway_places(network)
    blocks = list(network.config.blocks)
    weights = dict(network.state_dict())
    for layer, gate in gates.items():
        block, module = blocks[places[layer]], network.blocks[places[layer]]
        assert isinstance(block, GateBlock)
        assert isinstance(module, HighwayLayer)
        blocks[places[layer]] = replace(block, constant_gate=True)
        prefix = f"blocks.{places[layer]}."
        shared = not isinstance(module, HighwayConv) or module.shared
        for part in ("weight", "bias"):
            if shared:
                branches = weights.pop(f"{prefix}branches.{part}")
                weights[f"{prefix}transform.{part}"] = branches[: block.width]
            else:
                del weights[f"{prefix}gate.{part}"]
        weights[f"{prefix}gate_logit"] = torch.logit(gate)
    return rebuilt(network, tuple(blocks), weights)


def rebuilt(
    network: HighwayClassifier, blocks: tuple[Block, ...], weights: Weights
) -> HighwayClassifier:
    """Build the network again, of other blocks and with these weights, in evaluation mode."""
    smaller = HighwayClassifier(replace(network.config, blocks=blocks))
    smaller.load_state_dict(weights)
    return smaller.to(network.device).eval()


def highway_places(network: HighwayClassifier) -> list[int]:
    """Return where among the blocks the highway layers are."""
    return [
        place for place, block in enumerate(network.config.blocks) if isinstance(block, GateBlock)
    ]


def block_place(name: str) -> int | None:
    """Return the place of the block that a weight belongs to, or None for one outside them."""
    room, _, rest = name.partition(".")
    return int(rest.partition(".")[0]) if room == "blocks" else None
