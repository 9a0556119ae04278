from dataclasses import replace

import numpy as np
import pytest
import torch

from models.data.dataset import Dataset, Part
from models.evaluation import evaluate
from models.networks.layers import HighwayDense
from models.pruning.reduction import reduced
from models.recipe import TrainConfig
from models.run import Run
from models.run_config import Pruning
from tests.models.pruning.conftest import known_network, logits


@pytest.fixture(scope="module")
def dataset(known: Run) -> Dataset:
    return known.dataset()


def rows(*values: float) -> Part:
    x = np.array(values, np.float32)[:, None]
    return Part(x=x, y=((x[:, 0] < 1) | (x[:, 0] > 2)).astype(np.int64))


def test_layers_go_then_still_gates_then_dead_units(known: Run, dataset: Dataset) -> None:
    smaller = reduced(known.network(), known.config(), dataset, (2, 3))
    assert smaller.config.pruning == Pruning(
        trained_layers=4,
        removed=(2, 3),
        constant_gates=(1,),
        dropped_units=1,
        trained=known.config().training,
    )
    first, last = smaller.config.network.highway_blocks
    assert (first.number, first.constant_gate, first.width) == (1, True, 3)
    assert (last.number, last.constant_gate, last.width) == (4, False, 3)
    assert smaller.network.config == smaller.config.network
    assert evaluate(smaller.network, dataset.test).accuracy == 1.0


def test_all_but_what_was_taken_out_stays_in_the_configuration(
    known: Run, dataset: Dataset
) -> None:
    before = known.config()
    after = reduced(known.network(), before, dataset, (2,)).config
    assert replace(after, network=before.network, pruning=None) == before


def test_what_an_earlier_pruning_took_out_is_added_to(known: Run, dataset: Dataset) -> None:
    first = reduced(known.network(), known.config(), dataset, (2,))
    gentle = TrainConfig(epochs=1)
    second = reduced(first.network, replace(first.config, training=gentle), dataset, (4,))
    assert second.config.pruning == Pruning(
        trained_layers=4,
        removed=(2, 4),
        constant_gates=(1, 3),
        dropped_units=2,  # without layer 4 the third unit is dead as well
        trained=known.config().training,
    )
    assert second.config.training == gentle
    assert [block.number for block in second.network.config.highway_blocks] == [1, 3]


def test_a_gate_that_was_folded_and_is_removed_later_is_not_named_twice(
    known: Run, dataset: Dataset
) -> None:
    first = reduced(known.network(), known.config(), dataset, (2,))
    second = reduced(first.network, first.config, dataset, (3,))
    assert second.config.pruning is not None
    assert (second.config.pruning.removed, second.config.pruning.constant_gates) == ((2, 3), (1,))


def test_no_layers_at_all_can_be_asked_for(known: Run, dataset: Dataset) -> None:
    smaller = reduced(known.network(), known.config(), dataset, ())
    assert smaller.config.pruning is not None
    assert smaller.config.pruning.removed == ()
    assert smaller.config.pruning.constant_gates == (1, 2, 3)


def test_gates_stay_as_they_are_where_folding_them_loses_accuracy(
    known: Run, dataset: Dataset
) -> None:
    # Layer 1's second gate opens above 5 alone, where no training row is.
    network = known_network()
    layer = network.blocks[1]
    assert isinstance(layer, HighwayDense)
    layer.branches.weight.data[5, 0] = 100.0
    layer.branches.bias.data[5] = -500.0
    unlike = replace(dataset, validation=rows(0.5, 1.5, 9.0))
    folded = reduced(network, known.config(), replace(dataset, validation=rows(0.5, 1.5)), (2, 3))
    assert folded.network.config.highway_blocks[0].constant_gate
    kept = reduced(network, known.config(), unlike, (2, 3))
    assert not kept.network.config.highway_blocks[0].constant_gate
    assert evaluate(kept.network, unlike.validation).accuracy == 1.0


def test_units_stay_where_dropping_them_loses_accuracy(known: Run, dataset: Dataset) -> None:
    # Without training rows above 2 the second unit is dead for all of them, and needed later.
    unlike = replace(dataset, train=rows(0.5, 1.5, 1.6), validation=rows(0.5, 1.5, 3.0))
    smaller = reduced(known.network(), known.config(), unlike, (2, 3))
    assert evaluate(smaller.network, unlike.validation).accuracy == 1.0
    assert smaller.config.pruning is not None
    assert smaller.config.pruning.dropped_units == 0
    assert smaller.network.config.highway_blocks[0].width == 4


def test_the_network_given_is_left_as_it_is(known: Run, dataset: Dataset) -> None:
    network = known.network()
    before = logits(network, dataset.test)
    reduced(network, known.config(), dataset, (1, 2, 3))
    assert torch.equal(logits(network, dataset.test), before)
    assert network.config == known_network().config
