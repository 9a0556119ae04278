"""Draw the highway layer: `.venv/bin/python -m docs.draw_layer` writes docs/layer.svg."""

from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch

INK = "#7d8590"  # legible on white and on black
TRANSFORM, GATE, CARRY = "#2f81f7", "#d29922", "#3fb950"

Point = tuple[float, float]


def box(axes: Axes, centre: Point, text: str, colour: str, width: float = 2.3) -> None:
    """Draw a box with a formula."""
    x, y = centre
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - 0.38),
            width,
            0.76,
            boxstyle="round,pad=0,rounding_size=0.14",
            fill=False,
            edgecolor=colour,
            linewidth=1.6,
        )
    )
    axes.text(x, y, text, color=colour, ha="center", va="center", fontsize=11)


def node(axes: Axes, centre: Point, sign: str) -> None:
    """Draw a circle with the sign of an operation."""
    axes.add_patch(Circle(centre, 0.24, fill=False, edgecolor=INK, linewidth=1.4))
    axes.text(*centre, sign, color=INK, ha="center", va="center", fontsize=12)


def path(axes: Axes, *points: Point, colour: str) -> None:
    """Draw a line through the points, with an arrow at its end."""
    for start, end in pairwise(points[:-1]):
        axes.plot(*zip(start, end, strict=True), color=colour, linewidth=1.6)
    axes.annotate(
        "",
        xy=points[-1],
        xytext=points[-2],
        arrowprops={
            "arrowstyle": "-|>",
            "color": colour,
            "linewidth": 1.6,
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )


def draw() -> Figure:
    """Draw from left to right: input, transform and carry branches, their sum, output."""
    figure, axes = plt.subplots(figsize=(8, 3.2))
    axes.set(xlim=(-0.6, 10.6), ylim=(-1.75, 2.75))
    axes.set_aspect("equal")
    axes.axis("off")
    axes.text(0, 0, "x", color=INK, ha="center", va="center", fontsize=14, style="italic")
    box(axes, (3, 1.8), r"$H(x) = \mathrm{relu}(W_H x + b_H)$", TRANSFORM, 3.2)
    box(axes, (3, 0), r"$T(x) = \sigma(W_T x + b_T)$", GATE, 3.2)
    box(axes, (6.05, 0), "1 − T", GATE, 1.2)
    node(axes, (7.4, 1.8), "×")
    node(axes, (7.4, -1.2), "×")
    node(axes, (8.9, 0.3), "+")
    path(axes, (0.3, 0), (0.9, 0), (0.9, 1.8), (1.4, 1.8), colour=INK)
    path(axes, (0.3, 0), (1.4, 0), colour=INK)
    path(axes, (0.9, 0), (0.9, -1.2), (7.16, -1.2), colour=CARRY)
    path(axes, (4.6, 1.8), (7.16, 1.8), colour=TRANSFORM)
    path(axes, (4.6, 0), (5.45, 0), colour=GATE)
    path(axes, (5, 0), (5, 0.95), (7.4, 0.95), (7.4, 1.56), colour=GATE)
    path(axes, (6.65, 0), (7.4, 0), (7.4, -0.96), colour=GATE)
    path(axes, (7.64, 1.8), (8.9, 1.8), (8.9, 0.54), colour=TRANSFORM)
    path(axes, (7.64, -1.2), (8.9, -1.2), (8.9, 0.06), colour=CARRY)
    path(axes, (9.14, 0.3), (10, 0.3), colour=INK)
    axes.text(10.25, 0.3, "y", color=INK, ha="center", va="center", fontsize=14, style="italic")
    axes.text(5.9, 2.0, "transformed input", color=TRANSFORM, ha="center", va="bottom", fontsize=9)
    axes.text(3.9, -1.4, "carried input", color=CARRY, ha="center", va="top", fontsize=9)
    axes.text(5.1, 0.55, "transform gate", color=GATE, ha="left", va="center", fontsize=9)
    return figure


if __name__ == "__main__":
    mpl.rcParams["svg.hashsalt"] = "layer"  # equal drawings have equal bytes
    draw().savefig(
        Path(__file__).parent / "layer.svg",
        transparent=True,
        bbox_inches="tight",
        metadata={"Date": None},
    )
