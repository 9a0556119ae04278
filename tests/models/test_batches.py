import numpy as np
import torch

from models.batches import EpochSampler, batches_in_order, epoch_seed, training_batches
from models.data.dataset import Part

TEN = Part(x=np.arange(10, dtype=np.float32).reshape(10, 1), y=np.arange(10))


def order(epoch: int, seed: int = 0) -> list[int]:
    sampler = EpochSampler(10, batch_size=4, seed=seed)
    sampler.set_epoch(epoch)
    return torch.cat(list(sampler)).tolist()


def test_every_epoch_shows_every_row_once_in_another_order() -> None:
    assert sorted(order(0)) == sorted(order(1)) == list(range(10))
    assert order(0) != order(1)


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    assert order(5, seed=1) == order(5, seed=1)
    assert order(5, seed=1) != order(5, seed=2)


def test_an_iterator_made_before_the_epoch_is_set_follows_the_epoch() -> None:
    sampler = EpochSampler(10, batch_size=4, seed=0)
    batches = iter(sampler)
    sampler.set_epoch(5)
    assert torch.cat(list(batches)).tolist() == order(5)


def test_no_two_epochs_of_neighbouring_seeds_share_their_draws() -> None:
    seeds = {epoch_seed(seed, epoch) for seed in range(20) for epoch in range(1000)}
    assert len(seeds) == 20 * 1000


def test_training_batches_are_full_but_for_the_last_and_keep_rows_and_labels_together() -> None:
    batches = list(training_batches(TEN, batch_size=4, seed=0))
    assert [len(y) for _, y in batches] == [4, 4, 2]
    assert all(torch.equal(x[:, 0].long(), y) for x, y in batches)


def test_batches_in_order_are_the_rows_as_they_stand() -> None:
    batches = list(batches_in_order(TEN, batch_size=6))
    assert [y.tolist() for _, y in batches] == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9]]
