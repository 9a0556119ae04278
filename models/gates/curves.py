"""Pictures of what closing layers costs (Fig. 4 of the paper, and beyond it)."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, PercentFormatter

from models.drawing import INK
from models.gates.canvas import ACCURACY, LOSS, new_figure, rows_in_words, whole_numbers
from models.gates.lesions import Outcome
from models.gates.report import GateReport

HEIGHT = 4.6  # inches
# the ratio of largest to smallest loss from which a logarithm shows more; up to which it has room
# for marks between the powers of ten
LOG_FROM, MARKS_UP_TO = 10.0, 100.0


def draw_lesions(report: GateReport) -> Figure:
    """Draw accuracy and loss with each layer closed in turn, against the layer."""
    numbers = [layer.number for layer in report.layers]
    outcomes = [layer.lesion for layer in report.layers]
    return _draw(report, "One layer closed", "closed highway layer", numbers, outcomes)


def draw_joint_lesions(report: GateReport) -> Figure:
    """Draw accuracy and loss with the least useful layers closed, against their number."""
    counts = list(range(len(report.joint_lesions)))
    axis = "highway layers closed together, the least useful first"
    return _draw(report, "Several layers closed", axis, counts, report.joint_lesions)


def _draw(
    report: GateReport, title: str, axis: str, places: list[int], outcomes: Sequence[Outcome]
) -> Figure:
    figure = new_figure(HEIGHT, f"{title}: {rows_in_words(report)}")
    above, below = figure.subplots(2, 1, sharex=True)
    _curve(above, places, [each.accuracy for each in outcomes], report.intact.accuracy, ACCURACY)
    above.set_ylabel("accuracy")
    above.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)
    above.yaxis.set_major_formatter(PercentFormatter(1.0))
    losses = [each.loss for each in outcomes]
    _curve(below, places, losses, report.intact.loss, LOSS)
    _scale_losses(below, [*losses, report.intact.loss])
    below.set(xlabel=axis, ylabel="loss in nats")
    whole_numbers(below)
    return figure


def _curve(axes: Axes, places: list[int], values: list[float], intact: float, colour: str) -> None:
    axes.axhline(intact, color=INK, linestyle="--", linewidth=1.2, label="intact network")
    axes.plot(places, values, color=colour, marker="o", markersize=3.5, linewidth=1.5)
    axes.grid(color=INK, alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlim(min(places) - 0.5, max(places) + 0.5)


def _scale_losses(axes: Axes, losses: list[float]) -> None:
    least, most = min(losses), max(losses)
    if least <= 0 or most < LOG_FROM * least:
        return
    axes.set_yscale("log")
    marks = (1.0, 2.0, 5.0) if most < MARKS_UP_TO * least else (1.0,)
    axes.yaxis.set_major_locator(LogLocator(subs=marks))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
