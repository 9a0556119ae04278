"""Pictures of layer × unit: biases, gates and outputs (Figs 2 and 3 of the paper)."""

from collections.abc import Sequence
from math import ceil

from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from models.gates.canvas import (
    ACCURACY,
    LABEL_LETTERS,
    NAME_LETTERS,
    cut,
    name_panel,
    new_figure,
    rows_in_words,
)
from models.gates.cells import (
    AMOUNT,
    DIFFERENCE,
    LEAST_INCHES,
    around_zero,
    draw_cells,
    from_zero,
    map_inches,
    shares,
)
from models.gates.report import GateReport, Values

LARGEST_PANELS = 10  # classes in one picture
PANELS_ACROSS = 5
PANEL_SCALE = 0.6  # of a map's height, where there are two rows of them
TITLE_INCHES, PANEL_TITLE_INCHES = 1.1, 0.3  # what a figure and a panel need beside the maps


def draw_biases(report: GateReport) -> Figure:
    """Draw the gate biases as training left them, and how far it moved them."""
    before = [layer.gate_bias_before for layer in report.layers]
    after = [layer.gate_bias_after for layer in report.layers]
    change = [
        tuple(value - start for value in values)
        for values, start in zip(after, before, strict=True)
    ]
    lowest, highest = min(before), max(before)
    start = f"{lowest:g}" if lowest == highest else f"{lowest:g} to {highest:g}"
    start = start.replace("-", "−")
    inches = map_inches(report)
    figure = new_figure(TITLE_INCHES + inches, f"Gate biases: {start} before training")
    left, right = figure.subplots(1, 2, sharey=True)
    name_panel(left, "after training")
    low, high = min(map(min, after)), max(map(max, after))
    norm = Normalize(low, high if high > low else low + 1.0)
    image = draw_cells(left, report, after, AMOUNT, norm, inches=inches)
    figure.colorbar(image, ax=left, label="gate bias")
    name_panel(right, "change in training")
    image = draw_cells(right, report, change, DIFFERENCE, around_zero(change), inches=inches)
    right.set_ylabel("")
    figure.colorbar(image, ax=right, label="change of the gate bias")
    return figure


def draw_mean_gates(report: GateReport) -> Figure:
    """Draw each unit's mean gate, and beside it each layer's mean."""
    inches = map_inches(report)
    figure = new_figure(
        TITLE_INCHES + inches, f"Transform gates, mean over {rows_in_words(report)}"
    )
    units, layers = figure.subplots(1, 2, sharey=True, width_ratios=(4, 1))
    gates = [layer.mean_gate for layer in report.layers]
    image = draw_cells(units, report, gates, AMOUNT, shares(gates), inches=inches)
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
    return _one_map(report, "Transform gates", gates, AMOUNT, shares(gates), "transform gate")


def draw_sample_outputs(report: GateReport) -> Figure:
    """Draw what each layer hands on for one row; stripes are values that layers carry on."""
    outputs = [layer.sample_output for layer in report.layers]
    both_signs = min(map(min, outputs)) < 0
    colours, norm = (
        (DIFFERENCE, around_zero(outputs)) if both_signs else (AMOUNT, from_zero(outputs))
    )
    return _one_map(report, "Layer outputs", outputs, colours, norm, "output")


def draw_class_gates(report: GateReport) -> Figure:
    """Draw, class by class, by how much its mean gates differ from those of all rows."""
    found = [group for group in report.classes if group.rows]
    shown = found[:LARGEST_PANELS]
    which = f", first {len(shown)} of {len(found)} classes" if len(found) > len(shown) else ""
    across = min(PANELS_ACROSS, len(shown))
    down = ceil(len(shown) / across)
    inches = max(LEAST_INCHES, PANEL_SCALE * map_inches(report))
    height = TITLE_INCHES + down * (inches + PANEL_TITLE_INCHES)
    figure = new_figure(height, f"Mean transform gate of a class minus that of all rows{which}")
    panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    norm = around_zero([layer for group in shown for layer in group.mean_gate_difference])
    for place, axes in enumerate(panels.flat):
        if place >= len(shown):
            axes.set_visible(False)
            continue
        name_panel(axes, cut(shown[place].label, LABEL_LETTERS))
        cells = shown[place].mean_gate_difference
        image = draw_cells(axes, report, cells, DIFFERENCE, norm, inches=inches, ticks=4)
        axes.label_outer()
    figure.colorbar(image, ax=panels, label="difference of the mean gate", aspect=30)
    return figure


def _one_map(
    report: GateReport,
    title: str,
    values: Sequence[Values],
    colours: str,
    norm: Normalize,
    scale: str,
) -> Figure:
    label = cut(report.sample.label, LABEL_LETTERS)
    row = f"row {report.sample.row} of {cut(report.rows_of, NAME_LETTERS)}"
    inches = map_inches(report)
    figure = new_figure(TITLE_INCHES + inches, f"{title} for {row}, label {label}")
    image = draw_cells(figure.subplots(), report, values, colours, norm, inches=inches)
    figure.colorbar(image, label=scale)
    return figure
