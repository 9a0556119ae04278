"""Reordering: accuracy and loss with layers swapped, shuffled or dropped.

Layers that refine one estimate can be exchanged at little cost (Greff, Srivastava, Schmidhuber
2016, arXiv 1612.07771). A plain network's layers can be exchanged for comparison.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import chain, groupby, pairwise

import numpy as np
import torch
from torch import nn

from models.data.dataset import Part
from models.evaluation import rows_in_order
from models.gates.lesions import logits_of
from models.gates.outcomes import Outcome, OutcomeSums
from models.gates.stages import Stages, layer_stages, stages
from models.networks.network import HighwayClassifier
from models.progress import OnProgress

DRAWS = 5  # random orders, and random choices of each number of dropped layers
SEED = 0
DROPPED_SHARES = (0.1, 0.2, 0.4, 0.6, 0.8)  # of the layers
DRAW_ROWS = 2_000  # for random draws: each takes a whole pass, and they differ more than rows do

Layers = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Reordering(Outcome):
    """Outcome with some layers exchanged or dropped.

    `layers` are the two swapped layers, the layers in their new order, or the dropped layers.
    """

    layers: Layers


@dataclass(frozen=True, kw_only=True)
class Reorderings:
    """Outcomes of a network with its layers, counted from 0, in another order.

    `swapped` has each pair of neighbours of a stage. `shuffled` has `DRAWS` random orders, each
    within the stages; none if no stage has two layers. `dropped` has `DRAWS` random choices for
    each number of dropped layers. These draws are measured on the first `drawn_rows` rows, where
    the intact network has the outcome `drawn_intact`.
    """

    intact: Outcome
    swapped: tuple[Reordering, ...]
    drawn_rows: int
    drawn_intact: Outcome
    shuffled: tuple[Reordering, ...]
    dropped: tuple[Reordering, ...]

    def dropped_by_count(self) -> dict[int, tuple[Reordering, ...]]:
        """Return the outcomes for each number of dropped layers, from few to many."""
        groups = groupby(self.dropped, key=lambda outcome: len(outcome.layers))
        return {count: tuple(outcomes) for count, outcomes in groups}


@torch.no_grad()
def reorderings(
    network: HighwayClassifier,
    part: Part,
    on_progress: OnProgress,
    *,
    draw_rows: int = DRAW_ROWS,
) -> Reorderings:
    """Classify the rows of `part`, at least one, with layers swapped, shuffled and dropped.

    The layers are those of `stages`: highway layers, or a plain network's layers of one shape.
    Random draws are the same in every call and use the first `draw_rows` rows. `on_progress` is
    called with the rows of each batch and change; `reordering_work` returns their sum.
    """
    network.eval()
    found = layer_stages(network)
    pairs, orders, drops = _pairs(found), _orders(found), _drops(found)
    intact, swapped = _swapped(network, part, pairs, on_progress)
    first = part.take(slice(draw_rows))
    positions = sum(stages(network), ())
    changed = [
        *(_in_order(network, positions, order) for order in orders),
        *(_without(network, positions, dropped) for dropped in drops),
    ]
    drawn_intact, drawn = _changed(network, first, changed, on_progress)
    return Reorderings(
        intact=intact,
        swapped=_with_layers(swapped, pairs),
        drawn_rows=len(first),
        drawn_intact=drawn_intact,
        shuffled=_with_layers(drawn[: len(orders)], orders),
        dropped=_with_layers(drawn[len(orders) :], drops),
    )


def reordering_work(network: HighwayClassifier, rows: int, *, draw_rows: int = DRAW_ROWS) -> int:
    """Return the sum of the numbers that `reorderings` reports as progress for so many rows."""
    found = layer_stages(network)
    draws = len(_orders(found)) + len(_drops(found))
    return len(_pairs(found)) * rows + draws * min(rows, draw_rows)


def _pairs(found: Stages) -> list[Layers]:
    return [pair for stage in found for pair in pairwise(stage)]


def _orders(found: Stages) -> list[Layers]:
    """Draw orders that differ from the network's own."""
    if all(len(stage) == 1 for stage in found):
        return []
    random = np.random.default_rng(SEED)
    orders: list[Layers] = []
    while len(orders) < DRAWS:
        drawn = [random.permutation(stage).tolist() for stage in found]
        order = tuple(chain.from_iterable(drawn))
        if order != tuple(chain.from_iterable(found)):
            orders.append(order)
    return orders


def _drops(found: Stages) -> list[Layers]:
    layers = sum(map(len, found))
    counts = sorted({round(share * layers) for share in DROPPED_SHARES} - {0, layers})
    random = np.random.default_rng(SEED)
    return [
        tuple(sorted(random.choice(layers, count, replace=False).tolist()))
        for count in counts
        for _ in range(DRAWS)
    ]


def _swapped(
    network: HighwayClassifier, part: Part, pairs: Sequence[Layers], on_progress: OnProgress
) -> tuple[Outcome, list[Outcome]]:
    """Swap each pair in turn; the blocks before it are computed once for all pairs."""
    positions = sum(stages(network), ())
    rest: dict[int, list[nn.Module]] = {}  # the blocks from the pair's first layer on
    for first, second in pairs:
        order = list(range(len(positions)))
        order[first], order[second] = second, first
        start = positions[first]
        rest[start] = _in_order(network, positions, order)[start:]
    intact = OutcomeSums()
    swapped = {start: OutcomeSums() for start in rest}
    for rows, labels in rows_in_order(network, part):
        x = network.prepare(rows)
        for position, block in enumerate(network.blocks):
            if position in rest:
                swapped[position].add(logits_of(network, x, rest[position]), labels)
                on_progress(len(labels))
            x = block(x)
        intact.add(logits_of(network, x, []), labels)
    return intact.outcome(intact), [sums.outcome(intact) for sums in swapped.values()]


def _changed(
    network: HighwayClassifier,
    part: Part,
    changed: Sequence[list[nn.Module]],
    on_progress: OnProgress,
) -> tuple[Outcome, list[Outcome]]:
    intact = OutcomeSums()
    sums = [OutcomeSums() for _ in changed]
    for rows, labels in rows_in_order(network, part):
        x = network.prepare(rows)
        intact.add(logits_of(network, x, network.blocks), labels)
        for outcome, blocks in zip(sums, changed, strict=True):
            outcome.add(logits_of(network, x, blocks), labels)
            on_progress(len(labels))
    return intact.outcome(intact), [outcome.outcome(intact) for outcome in sums]


def _in_order(
    network: HighwayClassifier, positions: Layers, order: Sequence[int]
) -> list[nn.Module]:
    """Return all blocks, with the layers at `positions` in another order."""
    blocks = list(network.blocks)
    for position, layer in zip(positions, order, strict=True):
        blocks[position] = network.blocks[positions[layer]]
    return blocks


def _without(network: HighwayClassifier, positions: Layers, dropped: Layers) -> list[nn.Module]:
    left_out = {positions[layer] for layer in dropped}
    return [block for place, block in enumerate(network.blocks) if place not in left_out]


def _with_layers(outcomes: list[Outcome], layers: list[Layers]) -> tuple[Reordering, ...]:
    return tuple(
        Reordering(layers=changed, **asdict(outcome))
        for outcome, changed in zip(outcomes, layers, strict=True)
    )
