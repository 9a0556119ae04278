"""Training batches: the order of the rows in each epoch, and random changes to images."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, distributed
from torch.nn import functional
from torch.utils.data import DataLoader, Sampler, TensorDataset

from models.data.dataset import Part
from models.recipe import TrainConfig

Batch = tuple[Tensor, Tensor]


def epoch_seed(seed: int, epoch: int) -> int:
    """Return a seed for one epoch, so that a resumed epoch repeats its random draws."""
    return seed * 1_000_003 + epoch


class EpochSampler(Sampler[Tensor]):
    """Row indices of each group of batches; the order depends on the seed and the epoch only.

    A group holds the rows of `group` batches one after another. Lightning calls `set_epoch` before
    every epoch. With several processes, each takes its share of every batch, so that the mean of
    their gradients is the gradient of the full batch. `batch_size` must be a multiple of
    `processes`. The last batch loses the rows that cannot be shared evenly.
    """

    def __init__(
        self, rows: int, *, batch_size: int, seed: int, processes: int = 1, group: int = 1
    ) -> None:
        self.rows, self.batch_size, self.seed, self.epoch = rows, batch_size, seed, 0
        self.processes, self.group = processes, group

    def set_epoch(self, epoch: int) -> None:
        """Select the epoch that the next iteration belongs to."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Tensor]:
        # A generator function: when a training resumes, Lightning creates the iterator before it
        # calls `set_epoch`, so the order must be drawn at the first batch.
        generator = torch.Generator().manual_seed(epoch_seed(self.seed, self.epoch))
        order = torch.randperm(self.rows, generator=generator)[: self._shared_rows()]
        rank = distributed.get_rank() if self.processes > 1 else 0
        for rows in order.split(self.batch_size * self.group):
            yield rows[rank :: self.processes]

    def __len__(self) -> int:
        return -(-self.steps // self.group)

    @property
    def steps(self) -> int:
        """The number of batches in an epoch."""
        return -(-self._shared_rows() // self.batch_size)

    def _shared_rows(self) -> int:
        return self.rows - self.rows % self.batch_size % self.processes


def training_batches(part: Part, sampler: EpochSampler) -> DataLoader[tuple[Tensor, ...]]:
    """Return a loader of the rows of `part`, in a new order each epoch."""
    # Indexed by all rows of a group at once, which is much faster than row by row.
    rows = TensorDataset(torch.from_numpy(part.x), torch.from_numpy(part.y))
    return DataLoader(rows, sampler=sampler, batch_size=None)


def augment_images(rows: Tensor, shape: tuple[int, ...], config: TrainConfig) -> Tensor:
    """Scale, flip, rotate and shift each image of `rows`, (batch, values), at random.

    `shape` is (height, width) or (height, width, colours). Every image has its own uniform draws:
    each axis is scaled by 1 ± `scale`, the image is rotated about its centre by up to
    ±`rotate_degrees` and shifted along each axis by up to ±`shift` of its size. `flip` swaps left
    and right in half of the images. Pixels that come from outside the image are 0.
    """
    batch, (height, width, *colours) = len(rows), shape

    def draw(columns: int, bound: float) -> Tensor:
        return (2 * torch.rand(batch, columns, device=rows.device) - 1) * bound

    angle = draw(1, math.radians(config.rotate_degrees))
    scale_x, scale_y = (1 + draw(2, config.scale)).split(1, dim=1)
    # affine_grid's coordinates run from −1 to 1 across the image, so its size is 2.
    offset = 2 * draw(2, config.shift)
    if config.flip:
        scale_x = torch.where(draw(1, 1.0) < 0, -scale_x, scale_x)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    # The aspect makes it a rotation in pixels: in affine_grid's units an oblong image would shear.
    aspect = height / width
    matrix = torch.stack(
        [
            torch.cat([cosine * scale_x, -sine * scale_x * aspect, offset[:, :1]], dim=1),
            torch.cat([sine * scale_y / aspect, cosine * scale_y, offset[:, 1:]], dim=1),
        ],
        dim=1,
    )  # (batch, 2, 3)
    images = rows.view(batch, height, width, *colours or [1]).permute(0, 3, 1, 2)
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    augmented = functional.grid_sample(images, grid, align_corners=False)
    return augmented.permute(0, 2, 3, 1).reshape(batch, -1)
