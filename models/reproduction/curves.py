"""Curves of the training loss by epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

FLOOR = 1e-6  # nats: the losses in `metrics.jsonl` are rounded to it
MARK_COLOUR = "#57606a"
COLOURS = ("#2f81f7", "#d9622b", "#3fb950", "#a371f7", "#d29922")

Losses = Sequence[float]  # in nats, of each epoch


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A loss in nats, drawn as a dotted line, and the epoch in which a curve reaches it, a dot."""

    loss: float
    epoch: int | None  # None if the curve never does


def loss_curves(
    panels: Mapping[str, Mapping[str, Losses]], marks: Mapping[str, Mark] | None = None
) -> Figure:
    """Draw one panel for each title, with one curve for each name, on one logarithmic scale.

    Losses below `FLOOR` are drawn there. Some panels may have a mark.
    """
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for panel, (title, curves) in zip(axes, panels.items(), strict=True):
        _draw_panel(panel, title, curves)
        if marks is not None and title in marks:
            _draw_mark(panel, marks[title])
    axes[0].set_ylabel("training loss, nats")
    axes[0].legend(frameon=False)
    return figure


def _draw_mark(axes: Axes, mark: Mark) -> None:
    loss = max(mark.loss, FLOOR)
    axes.axhline(loss, color=MARK_COLOUR, linestyle=":", linewidth=1)
    if mark.epoch is not None:
        axes.plot(mark.epoch, loss, "o", color=MARK_COLOUR)
        # On the side of the dot that has more room, away from the falling curve.
        late = mark.epoch > 0.5 * axes.get_xlim()[1]
        axes.annotate(
            f"epoch {mark.epoch}",
            (mark.epoch, loss),
            xytext=(-4, -13) if late else (4, 5),
            textcoords="offset points",
            ha="right" if late else "left",
            color=MARK_COLOUR,
        )


def _draw_panel(axes: Axes, title: str, curves: Mapping[str, Losses]) -> None:
    for (name, losses), colour in zip(curves.items(), cycle(COLOURS), strict=False):
        bounded = [max(loss, FLOOR) for loss in losses]
        marker = "o" if len(bounded) == 1 else None  # a single epoch has no line
        epochs = range(1, len(bounded) + 1)
        axes.semilogy(epochs, bounded, color=colour, label=name, marker=marker)
    axes.set_title(title)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.spines[["top", "right"]].set_visible(False)
