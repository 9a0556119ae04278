from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from models.networks.blocks import DenseBlock, HighwayBlock
from models.networks.network import HighwayClassifier, NetworkConfig
from models.networks.preparation import Standardise
from models.presets import preset
from models.training.threads import step_flops, steps_per_group, threads_for, torch_threads


@pytest.fixture
def _eight_threads() -> Iterator[None]:
    with torch_threads(8):
        yield


def network(name: str, shape: tuple[int, ...] = (28, 28)) -> HighwayClassifier:
    chosen = replace(preset(name), image_preparation=None)
    return HighwayClassifier(
        chosen.network(shape=shape, classes=10, preparation=Standardise())
    ).train()


def test_operations_match_a_hand_calculation() -> None:
    blocks = (DenseBlock(width=4), HighwayBlock(number=1, width=4))
    built = HighwayClassifier(NetworkConfig(shape=(3,), classes=2, blocks=blocks))
    products = 3 * 4 + 4 * 8 + 4 * 2  # the highway layer's two branches are one product
    assert step_flops(built, 10) == 2 * products * 3 * 10


def test_counting_operations_keeps_the_mode_of_the_network() -> None:
    built = network("dense-10")
    step_flops(built, 1)
    assert built.training


@pytest.mark.usefixtures("_eight_threads")
@pytest.mark.parametrize(
    ("name", "batch_size", "threads"),
    [("dense-10", 100, 1), ("dense-50", 100, 1), ("mnist-conv-16", 100, 6)],
)
def test_dense_networks_use_one_thread_and_convolutions_several(
    name: str, batch_size: int, threads: int
) -> None:
    assert threads_for(network(name), batch_size) == threads


def test_threads_are_at_most_those_of_torch() -> None:
    with torch_threads(2):
        assert threads_for(network("mnist-conv-16"), 1000) == 2


def test_small_steps_are_grouped_and_large_ones_are_not() -> None:
    assert steps_per_group(network("dense-10"), 10) == 50
    assert steps_per_group(network("mnist-conv-16"), 100) == 1


def test_the_number_of_threads_is_restored() -> None:
    before = torch.get_num_threads()
    with torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    with pytest.raises(KeyError), torch_threads(before + 1):
        raise KeyError
    assert torch.get_num_threads() == before
    with torch_threads(None):
        assert torch.get_num_threads() == before
