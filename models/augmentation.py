"""Small changes to training images that leave their label alone."""

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional


def move_images(
    rows: Tensor,
    *,
    height: int,
    width: int,
    shift: float,
    turn_degrees: float,
    stretch: float,
    generator: Generator,
) -> Tensor:
    """Shift, turn and stretch every image of `rows`, (batch, height · width), by its own draw.

    Each is drawn evenly: the shift along each axis from ±`shift` of its size, the turn about the
    centre from ±`turn_degrees`, the stretch along each axis from 1 ± `stretch`. What comes in over
    the edge is 0.
    """
    batch = len(rows)

    def draw(columns: int, bound: float) -> Tensor:
        return (2 * torch.rand(batch, columns, generator=generator) - 1) * bound

    angle = draw(1, math.radians(turn_degrees))
    scale = 1 + draw(2, stretch)
    # affine_grid counts from −1 to 1 across the image, so its whole size is 2.
    offset = 2 * draw(2, shift)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    matrix = torch.stack(
        [
            torch.cat([cosine * scale[:, :1], -sine, offset[:, :1]], dim=1),
            torch.cat([sine, cosine * scale[:, 1:], offset[:, 1:]], dim=1),
        ],
        dim=1,
    )  # (batch, 2, 3)
    images = rows.view(batch, 1, height, width)
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    moved = functional.grid_sample(images, grid, align_corners=False)
    return moved.view(batch, -1)
