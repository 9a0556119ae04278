"""Cells of layer × unit, the same in every heat map: their places, marks and colours."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.image import AxesImage

from models.gates.canvas import whole_numbers
from models.gates.report import GateReport, Values

AMOUNT, DIFFERENCE = "viridis", "RdBu_r"
LEAST_INCHES, MOST_INCHES = 1.3, 6.5  # a map's height
ROOMY_INCHES, DENSE_INCHES, ROOMY_UP_TO = 0.2, 0.11, 2.6  # a layer's height in low maps, and high
MARK_INCHES = 0.14  # between marked layers, at least
MARK_EVERY = (1, 5, 10, 20, 50, 100)


def draw_cells(
    axes: Axes,
    report: GateReport,
    layers: Sequence[Values],
    colours: str,
    norm: Normalize,
    *,
    inches: float,
    ticks: int = 10,
) -> AxesImage:
    """Draw a row of cells for each layer, the first on top; hatching stands for no unit.

    `inches` is about the height that the cells have together.
    """
    width = max(map(len, layers))
    cells = np.full((len(layers), width), np.nan)  # which leaves a cell transparent
    for row, values in enumerate(layers):
        cells[row, : len(values)] = values
    axes.patch.set(facecolor="none", hatch="////" if np.isnan(cells).any() else None)
    image = axes.imshow(
        cells,
        cmap=colours,
        norm=norm,
        aspect="auto",
        interpolation="none",  # in an SVG every other way would blur the cells
        extent=(0.5, width + 0.5, len(layers) - 0.5, -0.5),
    )
    whole_numbers(axes, ticks)
    _mark_layers(axes, report, inches)
    words = {"channel" if "conv" in layer.kind else "unit" for layer in report.layers}
    axes.set(xlabel=" or ".join(sorted(words, reverse=True)), ylabel="highway layer")
    return image


def map_inches(report: GateReport) -> float:
    """Return the height of a map that is legible with that many layers."""
    layers = len(report.layers)
    wanted = max(min(ROOMY_INCHES * layers, ROOMY_UP_TO), DENSE_INCHES * layers)
    return min(max(wanted, LEAST_INCHES), MOST_INCHES)


def from_zero(layers: Sequence[Values]) -> Normalize:
    """Colour numbers from 0 to the largest."""
    return Normalize(0.0, max(map(max, layers)) or 1.0)


def shares(layers: Sequence[Values]) -> Normalize:
    """Colour numbers in [0, 1] by that whole range, or where all are small by less of it."""
    return Normalize(0.0, 1.0) if max(map(max, layers)) > 0.5 else from_zero(layers)


def around_zero(layers: Sequence[Values]) -> Normalize:
    """Colour numbers by their distance from 0, the same on both sides."""
    reach = max(abs(value) for values in layers for value in values) or 1.0
    return Normalize(-reach, reach)


def _mark_layers(axes: Axes, report: GateReport, inches: float) -> None:
    """Mark the first layer and round numbers; a pruned network's numbers have gaps."""
    numbers = [layer.number for layer in report.layers]
    most = inches / MARK_INCHES
    step = next((step for step in MARK_EVERY if len(numbers) / step <= most), MARK_EVERY[-1])
    marked = [row for row, number in enumerate(numbers) if row == 0 or number % step == 0]
    if len(marked) > 1 and marked[1] < step / 2:  # too near the first
        del marked[1]
    axes.set_yticks(marked, [str(numbers[row]) for row in marked])
