"""The page's centring in numpy, and its fixture: `python -m tests.inspector.centring` writes it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FIXTURE = Path(__file__).parent / "fixtures" / "centring.json"
LEVELS = 255
LEAST_INK = 0.02

Grid = NDArray[np.float64]

# grid and picture: height, width; boxes of ink: left, top, width, height, level
SHAPES: list[dict[str, Any]] = [
    {"name": "empty", "grid": [40, 40], "picture": [28, 28], "boxes": []},
    {"name": "dot", "grid": [40, 40], "picture": [28, 28], "boxes": [[30, 5, 1, 1, 255]]},
    {"name": "bar", "grid": [56, 56], "picture": [28, 28], "boxes": [[10, 6, 5, 43, 255]]},
    {"name": "lying bar", "grid": [30, 50], "picture": [28, 28], "boxes": [[3, 20, 44, 4, 200]]},
    {
        "name": "L in a corner",
        "grid": [84, 84],
        "picture": [28, 28],
        "boxes": [[50, 2, 6, 40, 255], [50, 36, 30, 6, 255]],
    },
    {
        "name": "thin cross",
        "grid": [112, 112],
        "picture": [28, 28],
        "boxes": [[20, 50, 71, 1, 255], [55, 15, 1, 80, 255]],
    },
    {
        "name": "thick with soft edges",
        "grid": [168, 168],
        "picture": [28, 28],
        "boxes": [[31, 40, 62, 97, 90], [33, 42, 58, 93, 255], [50, 60, 20, 40, 0]],
    },
    {"name": "too weak to be ink", "grid": [9, 9], "picture": [28, 28], "boxes": [[2, 2, 4, 4, 5]]},
    {
        "name": "all ink on one side",
        "grid": [60, 60],
        "picture": [28, 28],
        "boxes": [[2, 0, 20, 60, 255], [59, 30, 1, 1, 255]],
    },
    {"name": "small picture", "grid": [48, 48], "picture": [8, 8], "boxes": [[4, 9, 7, 30, 255]]},
    {"name": "wide picture", "grid": [20, 60], "picture": [10, 30], "boxes": [[0, 0, 9, 12, 255]]},
]


def grid_of(shape: dict[str, Any]) -> Grid:
    """Return the ink of a shape, 0 to 1."""
    ink = np.zeros(shape["grid"])
    for left, top, width, height, level in shape["boxes"]:
        ink[top : top + height, left : left + width] = level / LEVELS
    return ink


def centred(ink: Grid, picture: tuple[int, int]) -> Grid:
    """Centre ink as MNIST's authors describe it, for any size of the picture.

    Crop it to its bounding box, scale its longer side to 20 of 28 pixels by area averaging, and
    shift its centre of mass to the middle.
    """
    result = np.zeros(picture)
    rows, columns = np.nonzero(ink >= LEAST_INK)
    if len(rows) == 0:
        return result
    box = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    side = max(1, round_half_up(min(picture) * 20 / 28))
    height, width = (max(1, round_half_up(size * side / max(box.shape))) for size in box.shape)
    scaled = overlaps(height, box.shape[0]) @ box @ overlaps(width, box.shape[1]).T
    weight = scaled.sum()
    middle_row = (scaled.sum(axis=1) * (np.arange(height) + 0.5)).sum() / weight
    middle_column = (scaled.sum(axis=0) * (np.arange(width) + 0.5)).sum() / weight
    top = int(np.clip(round_half_up(picture[0] / 2 - middle_row), 0, picture[0] - height))
    left = int(np.clip(round_half_up(picture[1] / 2 - middle_column), 0, picture[1] - width))
    result[top : top + height, left : left + width] = scaled
    return result


def overlaps(new: int, old: int) -> Grid:
    """Return the share of each of `old` cells in each of `new` cells, (new, old)."""
    edges = np.arange(new + 1)[:, None] * old / new
    cells = np.arange(old)[None, :]
    covered = np.clip(edges[1:] - cells, 0, 1) - np.clip(edges[:-1] - cells, 0, 1)
    shares: Grid = covered * new / old
    return shares


def round_half_up(value: float) -> int:
    """Round; what is a half up to 1e-4 is rounded up, as the last digits must not decide."""
    return int(np.floor(value + 0.5 + 1e-4))


def levels_of(picture: Grid) -> list[list[int]]:
    """Return the picture's levels, 0 to 255."""
    levels: list[list[int]] = np.floor(LEVELS * picture + 0.5).astype(int).tolist()
    return levels


def main() -> None:
    """Write the shapes and their centred pictures."""
    shapes = [
        {**shape, "levels": levels_of(centred(grid_of(shape), tuple(shape["picture"])))}
        for shape in SHAPES
    ]
    lines = ",\n".join(json.dumps(shape, separators=(",", ":")) for shape in shapes)
    FIXTURE.write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
