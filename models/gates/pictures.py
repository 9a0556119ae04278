"""Pictures of a gate report: maps by layer and unit (Figs 2 and 3 of the paper), and curves."""

from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from models.drawing import drawing_settings, save
from models.gates.curves import (
    draw_joint_lesions,
    draw_lesions,
    draw_refinement,
    draw_reordering,
)
from models.gates.figures import (
    ACCURACY,
    NAME_LETTERS,
    cut,
    mark_integers,
    new_figure,
    rows_in_words,
)
from models.gates.report import GateReport, Values

Layers = Sequence[Values]  # numbers of each unit of each layer
Colours = tuple[str, Normalize]  # colour map and scale
AMOUNT, DIFFERENCE = "viridis", "RdBu_r"
LABEL_LETTERS = 16  # that fit over one of a figure's panels

MIN_INCHES, MAX_INCHES = 1.3, 6.5  # height of a heat map
ROOMY_INCHES, DENSE_INCHES, ROOMY_UP_TO = 0.2, 0.11, 2.6  # height of a layer in low and high maps
TITLE_INCHES, PANEL_TITLE_INCHES = 1.1, 0.3  # height of a figure and of a panel beside the maps
MARK_INCHES = 0.14  # least distance of the layers' marks
MARK_EVERY = (1, 5, 10, 20, 50, 100)
LARGEST_PANELS = 10  # classes in one picture
PANELS_ACROSS = 5
PANEL_SCALE = 0.6  # of a map's height, where there are two rows of panels


def write_pictures(report: GateReport, directory: Path) -> list[Path]:
    """Draw every picture into `directory`, each as SVG and as PNG; return the files.

    The same report gives the same bytes.
    """
    files = []
    with drawing_settings():
        for name, draw in PICTURES.items():
            files += save(draw(report), directory / name)
    return files


def draw_biases(report: GateReport) -> Figure:
    """Draw the gate biases after training and their change in training."""
    before = [layer.gate_bias_before for layer in report.layers]
    after = [layer.gate_bias_after for layer in report.layers]
    change = [
        tuple(value - start for value in values)
        for values, start in zip(after, before, strict=True)
    ]
    lowest, highest = min(before), max(before)
    start = f"{lowest:g}" if lowest == highest else f"{lowest:g} to {highest:g}"
    start = start.replace("-", "−")
    inches = _map_inches(report)
    figure = new_figure(TITLE_INCHES + inches, f"Gate biases: {start} before training")
    left, right = figure.subplots(1, 2, sharey=True)
    left.set_title("after training")
    low, high = min(map(min, after)), max(map(max, after))
    colours = AMOUNT, Normalize(low, high if high > low else low + 1.0)
    image = _draw_cells(left, report, after, colours, inches)
    figure.colorbar(image, ax=left, label="gate bias")
    right.set_title("change in training")
    image = _draw_cells(right, report, change, _around_zero(change), inches)
    right.set_ylabel("")
    figure.colorbar(image, ax=right, label="change of the gate bias")
    return figure


def draw_mean_gates(report: GateReport) -> Figure:
    """Draw the mean gate of each unit and of each layer."""
    inches = _map_inches(report)
    title = f"Transform gates, mean over {rows_in_words(report)}"
    figure = new_figure(TITLE_INCHES + inches, title)
    units, layers = figure.subplots(1, 2, sharey=True, width_ratios=(4, 1))
    gates = [layer.mean_gate for layer in report.layers]
    image = _draw_cells(units, report, gates, _shares(gates), inches)
    figure.colorbar(image, ax=(units, layers), label="mean transform gate")
    openness = [layer.openness for layer in report.layers]
    layers.barh(range(len(openness)), openness, color=ACCURACY, height=0.8)
    layers.set_xlabel("mean of the layer")
    layers.spines[["top", "right"]].set_visible(False)
    layers.tick_params(labelleft=False)
    return figure


def draw_sample_gates(report: GateReport) -> Figure:
    """Draw the gates of one row."""
    gates = [layer.sample_gate for layer in report.layers]
    return _one_map(report, "Transform gates", gates, _shares(gates), "transform gate")


def draw_sample_outputs(report: GateReport) -> Figure:
    """Draw the layers' outputs for one row; stripes are values that layers carry unchanged."""
    outputs = [layer.sample_output for layer in report.layers]
    colours = _around_zero(outputs) if min(map(min, outputs)) < 0 else _from_zero(outputs)
    return _one_map(report, "Layer outputs", outputs, colours, "output")


def draw_class_gates(report: GateReport) -> Figure:
    """Draw the difference between the mean gates of each class and those of all rows."""
    classes = [group for group in report.classes if group.rows]
    shown = classes[:LARGEST_PANELS]
    more = len(classes) > len(shown)
    which = f", first {len(shown)} of {len(classes)} classes" if more else ""
    across = min(PANELS_ACROSS, len(shown))
    down = ceil(len(shown) / across)
    inches = max(MIN_INCHES, PANEL_SCALE * _map_inches(report))
    height = TITLE_INCHES + down * (inches + PANEL_TITLE_INCHES)
    figure = new_figure(height, f"Mean transform gate of a class minus that of all rows{which}")
    panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    colours = _around_zero([layer for group in shown for layer in group.mean_gate_difference])
    for axes in panels.flat[len(shown) :]:
        axes.set_visible(False)
    for axes, group in zip(panels.flat, shown, strict=False):
        axes.set_title(cut(group.label, LABEL_LETTERS), parse_math=False)
        image = _draw_cells(axes, report, group.mean_gate_difference, colours, inches, ticks=4)
        axes.label_outer()
    figure.colorbar(image, ax=panels, label="difference of the mean gate", aspect=30)
    return figure


PICTURES: dict[str, Callable[[GateReport], Figure]] = {
    "biases": draw_biases,
    "mean_gates": draw_mean_gates,
    "sample_gates": draw_sample_gates,
    "class_gates": draw_class_gates,
    "sample_outputs": draw_sample_outputs,
    "lesions": draw_lesions,
    "joint_lesions": draw_joint_lesions,
    "refinement": draw_refinement,
    "reordering": draw_reordering,
}


def _one_map(
    report: GateReport, title: str, values: Layers, colours: Colours, scale: str
) -> Figure:
    label = cut(report.sample.label, LABEL_LETTERS)
    row = f"row {report.sample.row} of {cut(report.rows_of, NAME_LETTERS)}"
    inches = _map_inches(report)
    figure = new_figure(TITLE_INCHES + inches, f"{title} for {row}, label {label}")
    image = _draw_cells(figure.subplots(), report, values, colours, inches)
    figure.colorbar(image, label=scale)
    return figure


def _draw_cells(
    axes: Axes, report: GateReport, layers: Layers, colours: Colours, inches: float, ticks: int = 10
) -> AxesImage:
    """Draw a row of cells for each layer, the first on top; hatching marks cells without a unit.

    `inches` is the approximate height of the map.
    """
    width = max(map(len, layers))
    cells = np.full((len(layers), width), np.nan)  # NaN leaves a cell transparent
    for row, values in enumerate(layers):
        cells[row, : len(values)] = values
    axes.patch.set(facecolor="none", hatch="////" if np.isnan(cells).any() else None)
    image = axes.imshow(
        cells,
        cmap=colours[0],
        norm=colours[1],
        aspect="auto",
        interpolation="none",  # any other value blurs the cells in an SVG
        extent=(0.5, width + 0.5, len(layers) - 0.5, -0.5),
    )
    mark_integers(axes, ticks)
    _mark_layers(axes, report, inches)
    words = {"channel" if "conv" in layer.kind else "unit" for layer in report.layers}
    axes.set(xlabel=" or ".join(sorted(words, reverse=True)), ylabel="highway layer")
    return image


def _map_inches(report: GateReport) -> float:
    """Return the height at which a map of the report's layers is legible."""
    layers = len(report.layers)
    inches = max(min(ROOMY_INCHES * layers, ROOMY_UP_TO), DENSE_INCHES * layers)
    return min(max(inches, MIN_INCHES), MAX_INCHES)


def _mark_layers(axes: Axes, report: GateReport, inches: float) -> None:
    """Mark the first layer and round numbers; a pruned network's numbers have gaps."""
    numbers = [layer.number for layer in report.layers]
    most = inches / MARK_INCHES
    step = next((step for step in MARK_EVERY if len(numbers) / step <= most), MARK_EVERY[-1])
    marked = [row for row, number in enumerate(numbers) if row == 0 or number % step == 0]
    if len(marked) > 1 and marked[1] < step / 2:  # too near the first
        del marked[1]
    axes.set_yticks(marked, [str(numbers[row]) for row in marked])


def _from_zero(layers: Layers) -> Colours:
    """Scale colours from 0 to the largest number."""
    return AMOUNT, Normalize(0.0, max(map(max, layers)) or 1.0)


def _shares(layers: Layers) -> Colours:
    """Scale colours of numbers in [0, 1] from 0 to 1, or to the largest if all are small."""
    return (AMOUNT, Normalize(0.0, 1.0)) if max(map(max, layers)) > 0.5 else _from_zero(layers)


def _around_zero(layers: Layers) -> Colours:
    """Scale colours symmetrically around 0."""
    reach = max(abs(value) for values in layers for value in values) or 1.0
    return DIFFERENCE, Normalize(-reach, reach)
