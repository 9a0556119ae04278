"""Curves by layer: lesions (Fig. 4 of the paper), and the refinement and reordering of layers."""

from collections.abc import Sequence
from itertools import groupby
from math import nan
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, PercentFormatter

from models.drawing import INK
from models.gates.figures import ACCURACY, LOSS, mark_integers, new_figure, rows_in_words
from models.gates.outcomes import Outcome
from models.gates.reordering import DRAWS, Reordering, Reorderings
from models.gates.report import GateReport

CURVE_INCHES, FLAT_INCHES, EMPTY_INCHES = 4.6, 3.4, 1.3
LEAST_RANGE = 0.02  # of accuracies: differences of a few rows must not look large
LOG_FROM = 10.0  # ratio of the largest to the smallest loss from which the scale is logarithmic
MARKS_UP_TO = 100.0  # the same ratio, up to which marks between the powers of ten fit


def draw_lesions(report: GateReport) -> Figure:
    """Draw accuracy and loss with one layer closed, by the layer's number."""
    numbers = [layer.number for layer in report.layers]
    outcomes = [layer.lesion for layer in report.layers]
    return _two_curves(report, "One layer closed", "closed highway layer", numbers, outcomes)


def draw_joint_lesions(report: GateReport) -> Figure:
    """Draw accuracy and loss with the least useful layers closed together, by their count."""
    counts = list(range(len(report.joint_lesions)))
    axis = "highway layers closed together, the least useful first"
    return _two_curves(report, "Several layers closed", axis, counts, report.joint_lesions)


def draw_refinement(report: GateReport) -> Figure:
    """Draw mean and spread of the estimation errors by layer, stage by stage."""
    if not report.estimation:
        return _no_neighbours("Estimation errors")
    figure = new_figure(FLAT_INCHES, f"Estimation errors: {rows_in_words(report)}")
    axes = figure.subplots()
    by_stage = groupby(report.estimation, key=lambda layer: layer.stage)
    stages = {number: list(layers) for number, layers in by_stage}
    for place, layers in enumerate(stages.values()):
        x = [layer.layer for layer in layers]
        for values, colour, label in (
            ([layer.relative_spread for layer in layers], ACCURACY, "spread"),
            ([layer.relative_mean for layer in layers], LOSS, "absolute mean of a unit"),
        ):
            y = [nan if value is None else value for value in values]
            _draw_line(axes, x, y, colour, label="" if place else label)
    _mark_stages(axes, {number: layers[-1].layer for number, layers in stages.items()})
    axes.set(xlabel="highway layer", ylabel="error, relative to the\nspread of the final output")
    axes.set_ylim(bottom=0)
    axes.set_xlim(report.estimation[0].layer - 0.5, report.estimation[-1].layer + 0.5)
    figure.legend(frameon=False, loc="outside lower center", ncols=2)
    mark_integers(axes)
    return figure


def draw_reordering(report: GateReport) -> Figure:
    """Draw the accuracy with neighbours swapped, with layers dropped and with stages shuffled."""
    found = report.reorderings
    if found is None or not found.swapped:
        return _no_neighbours("Layers in another order")
    title = f"Layers in another order: {rows_in_words(report)}"
    if found.drawn_rows < report.rows:
        title += f"; dropped and shuffled: the first {found.drawn_rows:,}"
    figure = new_figure(CURVE_INCHES, title)
    swapped, dropped, shuffled = figure.subplots(1, 3, width_ratios=(5, 4, 1.4))
    _draw_swaps(swapped, found)
    dropped.sharey(shuffled)
    _draw_drops(dropped, found)
    _draw_shuffles(shuffled, found)
    for axes in (swapped, dropped, shuffled):
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    swapped.set_ylabel("accuracy")
    shuffled.tick_params(labelleft=False)
    handles, labels = dropped.get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, loc="outside lower center", ncols=3)
    return figure


def _draw_swaps(axes: Axes, found: Reorderings) -> None:
    axes.set_title("two neighbours swapped")
    _draw_intact(axes, found.intact.accuracy)
    run: list[Reordering] = []
    for swap in found.swapped:
        if run and run[-1].layers[1] != swap.layers[0]:  # the next stage
            _draw_swap_run(axes, run)
            run = []
        run.append(swap)
    _draw_swap_run(axes, run)
    accuracies = [found.intact.accuracy, *(swap.accuracy for swap in found.swapped)]
    low, high = min(accuracies), max(accuracies)
    space = max(0.1 * (high - low), (LEAST_RANGE - high + low) / 2)
    axes.set_ylim(low - space, high + space)
    axes.set_xlim(found.swapped[0].layers[0] - 0.5, found.swapped[-1].layers[1] - 0.5)
    axes.set_xlabel("first of the two layers")
    mark_integers(axes, 6)


def _draw_swap_run(axes: Axes, swaps: Sequence[Reordering]) -> None:
    x = [swap.layers[0] for swap in swaps]
    _draw_line(axes, x, [swap.accuracy for swap in swaps], ACCURACY)


def _draw_drops(axes: Axes, found: Reorderings) -> None:
    axes.set_title("layers dropped at random")
    _draw_intact(axes, found.drawn_intact.accuracy)
    counts = found.dropped_by_count()
    means = [fmean(outcome.accuracy for outcome in group) for group in counts.values()]
    _draw_line(axes, [0, *counts], [found.drawn_intact.accuracy, *means], ACCURACY, label="mean")
    draws = [(count, draw.accuracy) for count, group in counts.items() for draw in group]
    _draw_draws(axes, draws)
    axes.set_xlabel("number of dropped layers")
    mark_integers(axes, 6)


def _draw_shuffles(axes: Axes, found: Reorderings) -> None:
    axes.set_title("shuffled")
    _draw_intact(axes, found.drawn_intact.accuracy)
    accuracies = [outcome.accuracy for outcome in found.shuffled]
    axes.plot([0], [fmean(accuracies)], color=ACCURACY, marker="_", markersize=22)
    _draw_draws(axes, [(0, accuracy) for accuracy in accuracies])
    axes.set_xlim(-1, 1)
    axes.set_xticks([])
    axes.set_xlabel("all stages")
    axes.spines[["top", "right"]].set_visible(False)


def _draw_draws(axes: Axes, draws: Sequence[tuple[int, float]]) -> None:
    """Draw single random draws as pale dots."""
    x, y = zip(*draws, strict=True)
    label = f"each of {DRAWS} draws"
    axes.plot(x, y, color=ACCURACY, marker="o", markersize=5, linestyle="", alpha=0.4, label=label)


def _no_neighbours(title: str) -> Figure:
    figure = new_figure(EMPTY_INCHES, title)
    axes = figure.subplots()
    axes.set_axis_off()
    text = "each stage has one highway layer only, so no layer has a neighbour to compare with"
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)
    return figure


def _mark_stages(axes: Axes, last_layers: dict[int, int]) -> None:
    """Separate stages by lines, and number them if there are several."""
    *inner, _ = last_layers.values()
    for last in inner:
        axes.axvline(last + 0.5, color=INK, linewidth=0.8)
    if inner:
        for number, last in last_layers.items():
            text = f"stage {number}"
            axes.annotate(text, (last, 1), xycoords=("data", "axes fraction"), ha="right")


def _two_curves(
    report: GateReport, title: str, axis: str, x: list[int], outcomes: Sequence[Outcome]
) -> Figure:
    figure = new_figure(CURVE_INCHES, f"{title}: {rows_in_words(report)}")
    above, below = figure.subplots(2, 1, sharex=True)
    accuracies = [outcome.accuracy for outcome in outcomes]
    _draw_curve(above, x, accuracies, report.intact.accuracy, ACCURACY)
    above.set_ylabel("accuracy")
    above.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)
    above.yaxis.set_major_formatter(PercentFormatter(1.0))
    losses = [outcome.loss for outcome in outcomes]
    _draw_curve(below, x, losses, report.intact.loss, LOSS)
    _scale_losses(below, [*losses, report.intact.loss])
    below.set(xlabel=axis, ylabel="loss in nats")
    mark_integers(below)
    return figure


def _draw_curve(axes: Axes, x: list[int], y: list[float], intact: float, colour: str) -> None:
    _draw_intact(axes, intact)
    _draw_line(axes, x, y, colour)
    axes.set_xlim(min(x) - 0.5, max(x) + 0.5)


def _draw_intact(axes: Axes, intact: float) -> None:
    axes.axhline(intact, color=INK, linestyle="--", linewidth=1.2, label="intact network")


def _draw_line(
    axes: Axes, x: Sequence[int], y: Sequence[float], colour: str, label: str = ""
) -> None:
    axes.plot(x, y, color=colour, marker="o", markersize=3.5, linewidth=1.5, label=label or None)
    axes.grid(color=INK, alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _scale_losses(axes: Axes, losses: list[float]) -> None:
    least, most = min(losses), max(losses)
    if least <= 0 or most < LOG_FROM * least:
        return
    axes.set_yscale("log")
    marks = (1.0, 2.0, 5.0) if most < MARKS_UP_TO * least else (1.0,)
    axes.yaxis.set_major_locator(LogLocator(subs=marks))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
