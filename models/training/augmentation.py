"""Small changes to training images that leave their label alone."""

import math

import torch
from torch import Tensor
from torch.nn import functional


def move_images(
    rows: Tensor,
    *,
    shape: tuple[int, ...],
    shift: float,
    turn_degrees: float,
    stretch: float,
    mirror: bool = False,
) -> Tensor:
    """Stretch, mirror, turn and shift each image of `rows`, (batch, values), by its own draw.

    `shape` is (height, width) or (height, width, colours). Each is drawn evenly: the stretch along
    each axis from 1 ± `stretch`, the turn about the centre from ±`turn_degrees`, the shift along
    each axis from ±`shift` of its size; `mirror` swaps left and right of half of the images. What
    comes in over the edge is 0.
    """
    batch, (height, width, *colours) = len(rows), shape

    def draw(columns: int, bound: float) -> Tensor:
        return (2 * torch.rand(batch, columns, device=rows.device) - 1) * bound

    angle = draw(1, math.radians(turn_degrees))
    wide, high = (1 + draw(2, stretch)).split(1, dim=1)
    # affine_grid counts from −1 to 1 across the image, so its whole size is 2.
    offset = 2 * draw(2, shift)
    if mirror:
        wide = torch.where(draw(1, 1.0) < 0, -wide, wide)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    # Turned in pixels, not in shares of the sides, so that an oblong image is not sheared.
    aspect = height / width
    matrix = torch.stack(
        [
            torch.cat([cosine * wide, -sine * wide * aspect, offset[:, :1]], dim=1),
            torch.cat([sine * high / aspect, cosine * high, offset[:, 1:]], dim=1),
        ],
        dim=1,
    )  # (batch, 2, 3)
    images = rows.view(batch, height, width, *colours or [1]).permute(0, 3, 1, 2)
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    moved = functional.grid_sample(images, grid, align_corners=False)
    return moved.permute(0, 2, 3, 1).reshape(batch, -1)
