import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.data.dataset import Part
from models.training.batches import EpochSampler, epoch_seed, training_batches

TEN = Part(x=np.arange(10, dtype=np.float32).reshape(10, 1), y=np.arange(10))


def order(epoch: int, seed: int = 0) -> list[int]:
    sampler = EpochSampler(10, batch_size=4, seed=seed)
    sampler.set_epoch(epoch)
    return torch.cat(list(sampler)).tolist()


def shared(
    monkeypatch: pytest.MonkeyPatch, rows: int, batch_size: int, processes: int
) -> list[list[torch.Tensor]]:
    """Return each process's batches."""
    shares = []
    for rank in range(processes):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        sampler = EpochSampler(rows, batch_size=batch_size, seed=0, processes=processes)
        shares.append(list(sampler))
        assert len(sampler) == len(shares[-1])
    return shares


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


def test_processes_share_each_of_the_batches_that_one_alone_would_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone = EpochSampler(10, batch_size=4, seed=0)
    first, second = shared(monkeypatch, rows=10, batch_size=4, processes=2)
    for whole, left, right in zip(alone, first, second, strict=True):
        assert sorted(torch.cat([left, right]).tolist()) == sorted(whole.tolist())
        assert len(left) == len(right)


@given(rows=st.integers(4, 60), times=st.integers(1, 4), processes=st.integers(1, 4))
def test_no_process_waits_for_rows_that_another_lacks(
    rows: int, times: int, processes: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        shares = shared(patch, rows, times * processes, processes)
    for together in zip(*shares, strict=True):
        assert len({len(part) for part in together}) == 1
    seen = torch.cat([rows for share in shares for rows in share] or [torch.empty(0)])
    assert len({len(share) for share in shares}) == 1
    assert all(len(part) > 0 for share in shares for part in share)
    assert len(seen) == len(set(seen.tolist())) > rows - processes


def test_no_two_epochs_of_neighbouring_seeds_share_their_draws() -> None:
    seeds = {epoch_seed(seed, epoch) for seed in range(20) for epoch in range(1000)}
    assert len(seeds) == 20 * 1000


def test_training_batches_are_full_but_for_the_last_and_keep_rows_and_labels_together() -> None:
    batches = list(training_batches(TEN, batch_size=4, seed=0))
    assert [len(y) for _, y in batches] == [4, 4, 2]
    assert all(torch.equal(x[:, 0].long(), y) for x, y in batches)
