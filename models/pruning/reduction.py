"""A trained network made smaller by what it can miss, with the record of what went."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from models.data.dataset import Dataset
from models.evaluation import evaluate
from models.networks.network import HighwayClassifier
from models.pruning.dead_units import without_dead_units
from models.pruning.stillness import still_gates
from models.pruning.surgery import with_constant_gates, without_layers
from models.run_config import Pruning, RunConfig


@dataclass(frozen=True, kw_only=True)
class Reduced:
    """A smaller network, and the configuration that rebuilds it."""

    network: HighwayClassifier
    config: RunConfig


def reduced(
    network: HighwayClassifier, config: RunConfig, dataset: Dataset, layers: Collection[int]
) -> Reduced:
    """Take out layers of these numbers, then fold gates that never move, then drop dead units.

    Training rows propose gates and units; validation accuracy must not fall by either.
    """
    blocks = network.config.highway_blocks
    places = [place for place, block in enumerate(blocks) if block.number in layers]
    smaller = _folded(without_layers(network, places), dataset)
    smaller, dropped = _narrowed(smaller, dataset)
    before = config.pruning or Pruning(
        trained_layers=len(blocks),
        removed=(),
        constant_gates=(),
        dropped_units=0,
        trained=config.training,
    )
    record = replace(
        before,
        removed=tuple(sorted({*before.removed, *layers})),
        constant_gates=tuple(
            block.number for block in smaller.config.highway_blocks if block.constant_gate
        ),
        dropped_units=before.dropped_units + dropped,
    )
    return Reduced(network=smaller, config=replace(config, network=smaller.config, pruning=record))


def _folded(network: HighwayClassifier, dataset: Dataset) -> HighwayClassifier:
    gates = still_gates(network, dataset.train)
    if not gates:
        return network
    folded = with_constant_gates(network, gates)
    return folded if _as_good(folded, network, dataset) else network


def _narrowed(network: HighwayClassifier, dataset: Dataset) -> tuple[HighwayClassifier, int]:
    narrower, dropped = without_dead_units(network, dataset.train)
    return (narrower, dropped) if _as_good(narrower, network, dataset) else (network, 0)


def _as_good(smaller: HighwayClassifier, network: HighwayClassifier, dataset: Dataset) -> bool:
    validation = dataset.validation
    return evaluate(smaller, validation).accuracy >= evaluate(network, validation).accuracy
