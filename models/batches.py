"""Batches of training rows whose order depends on the seed and the epoch alone."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from models.data.dataset import Part

Batch = tuple[Tensor, Tensor]


def epoch_seed(seed: int, epoch: int) -> int:
    """Number every epoch of every seed, so that a resumed one draws what it would have."""
    return seed * 1_000_003 + epoch


class EpochSampler(Sampler[Tensor]):
    """Yield the rows of each batch; Lightning calls `set_epoch` before every epoch."""

    def __init__(self, rows: int, *, batch_size: int, seed: int) -> None:
        self.rows, self.batch_size, self.seed, self.epoch = rows, batch_size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose which epoch's order comes next."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Tensor]:
        # A generator, so that nothing is drawn before the first batch is asked for: on resuming,
        # Lightning makes the iterator before it calls `set_epoch`.
        generator = torch.Generator().manual_seed(epoch_seed(self.seed, self.epoch))
        order = torch.randperm(self.rows, generator=generator)
        yield from order.split(self.batch_size)

    def __len__(self) -> int:
        return -(-self.rows // self.batch_size)


class Rows(Dataset[Batch]):
    """A part of a data set as tensors; indexed by a whole batch at once, which is much faster."""

    def __init__(self, part: Part) -> None:
        self.x, self.y = torch.from_numpy(part.x), torch.from_numpy(part.y)

    def __getitem__(self, index: Tensor) -> Batch:
        return self.x[index], self.y[index]

    def __len__(self) -> int:
        return len(self.y)


def training_batches(part: Part, *, batch_size: int, seed: int) -> DataLoader[Batch]:
    """Return the rows of `part` in a new order each epoch."""
    sampler = EpochSampler(len(part), batch_size=batch_size, seed=seed)
    return DataLoader(Rows(part), sampler=sampler, batch_size=None)


def batches_in_order(part: Part, *, batch_size: int = 1024) -> Iterator[Batch]:
    """Yield the rows of `part` once, as they stand."""
    x, y = torch.from_numpy(part.x), torch.from_numpy(part.y)
    return zip(x.split(batch_size), y.split(batch_size), strict=True)
