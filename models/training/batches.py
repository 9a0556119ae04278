"""Batches of training rows whose order depends on the seed and the epoch alone."""

from collections.abc import Iterator

import torch
from torch import Tensor, distributed
from torch.utils.data import DataLoader, Dataset, Sampler

from models.data.dataset import Part

Batch = tuple[Tensor, Tensor]


def epoch_seed(seed: int, epoch: int) -> int:
    """Number every epoch of every seed, so that a resumed one draws what it would have."""
    return seed * 1_000_003 + epoch


class EpochSampler(Sampler[Tensor]):
    """Yield the rows of each batch; Lightning calls `set_epoch` before every epoch.

    Where several processes train together each takes its share of every batch, of which
    `batch_size` must be a multiple, so that their mean gradient is the whole batch's. A last batch
    that they could not share evenly loses a few rows.
    """

    def __init__(self, rows: int, *, batch_size: int, seed: int, processes: int = 1) -> None:
        self.rows, self.batch_size, self.seed, self.epoch = rows, batch_size, seed, 0
        self.processes = processes

    def set_epoch(self, epoch: int) -> None:
        """Choose which epoch's order comes next."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Tensor]:
        # A generator, so that nothing is drawn before the first batch is asked for: on resuming,
        # Lightning makes the iterator before it calls `set_epoch`.
        generator = torch.Generator().manual_seed(epoch_seed(self.seed, self.epoch))
        order = torch.randperm(self.rows, generator=generator)[: self._shared_rows()]
        rank = distributed.get_rank() if self.processes > 1 else 0
        for batch in order.split(self.batch_size):
            yield batch[rank :: self.processes]

    def __len__(self) -> int:
        return -(-self._shared_rows() // self.batch_size)

    def _shared_rows(self) -> int:
        return self.rows - self.rows % self.batch_size % self.processes


class Rows(Dataset[Batch]):
    """A part of a data set as tensors; indexed by a whole batch at once, which is much faster."""

    def __init__(self, part: Part) -> None:
        self.x, self.y = torch.from_numpy(part.x), torch.from_numpy(part.y)

    def __getitem__(self, index: Tensor) -> Batch:
        return self.x[index], self.y[index]

    def __len__(self) -> int:
        return len(self.y)


def training_batches(
    part: Part, *, batch_size: int, seed: int, processes: int = 1
) -> DataLoader[Batch]:
    """Return the rows of `part` in a new order each epoch."""
    sampler = EpochSampler(len(part), batch_size=batch_size, seed=seed, processes=processes)
    return DataLoader(Rows(part), sampler=sampler, batch_size=None)
