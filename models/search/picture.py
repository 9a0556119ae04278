"""The picture of a search: validation loss against each searched number."""

import math
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator, StrMethodFormatter
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from models.drawing import drawing_settings, save
from models.search.report import Ranking, loss_words
from models.search.space import Number
from models.search.study import Record

PICTURE = "search"  # .svg and .png
TRIAL, BEST, FAILED = "#2f81f7", "#d29922", "#e5534b"
COLUMNS = 3
SMALLEST = 1e-6  # nats; losses are kept to as many digits, and a logarithm needs one above 0
LARGEST = 10.0  # nats, well above those of guessing; a trial that all but diverged is drawn there
SPREAD = 0.618  # golden: the next trial of the same word stands aside from the ones before


def write_pictures(out: Path, ranking: Ranking, ranges: dict[str, BaseDistribution]) -> None:
    """Write the picture as SVG and as PNG, both without a background of their own."""
    with drawing_settings():
        save(draw(ranking, ranges), out / PICTURE)


def draw(ranking: Ranking, ranges: dict[str, BaseDistribution]) -> Figure:
    """Draw a panel for each searched number, all on one scale of losses, and a key."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, COLUMNS, sharey=True, gridspec_kw={"wspace": 0.08}).ravel().tolist()
    _loss_scale(panels[0], _losses(ranking.best))
    for place, (name, values) in enumerate(ranges.items()):
        _panel(panels[place], name, values, ranking)
        if place % COLUMNS == 0:
            panels[place].set_ylabel("validation loss")
    for panel in panels[len(ranges) :]:
        panel.axis("off")
    _key(panels[len(ranges)], ranking)
    return figure


def _panel(axes: Axes, name: str, values: BaseDistribution, ranking: Ranking) -> None:
    axes.set_xlabel(name.replace("_", " "))
    axes.spines[["top", "right"]].set_visible(False)
    _scale(axes, values)
    others, best = ranking.best[1:], ranking.best[0]
    failed = [record for record in ranking.records if record.failed]

    def places(records: list[Record]) -> list[float]:
        return [_place(values, record.numbers[name], record.number) for record in records]

    for records, marker, colour, size in ((others, "o", TRIAL, 4.5), ([best], "*", BEST, 13.0)):
        points = axes.plot(places(records), _losses(records), marker, color=colour, clip_on=False)
        points[0].set(markersize=size, alpha=0.8, in_layout=False)  # no points have no place in it
    # They have no loss: ticks along the top edge say where they were.
    top = axes.get_xaxis_transform()
    axes.plot(
        places(failed),
        [0.97] * len(failed),
        "|",
        color=FAILED,
        markersize=9,
        markeredgewidth=1.4,
        transform=top,
    )


def _loss_scale(axes: Axes, losses: list[float]) -> None:
    low, high = min(losses) / 1.3, max(losses) * 1.3
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    # The narrower the range, the denser the ticks: at least one is always within it.
    decades = math.log10(high / low)
    steps = (1, 1.5, 2, 3, 5, 7) if decades < 1 else (1, 2, 5) if decades < 2 else (1,)
    axes.yaxis.set_major_locator(LogLocator(subs=steps, numticks=20))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _scale(axes: Axes, values: BaseDistribution) -> None:
    if isinstance(values, CategoricalDistribution):
        axes.set_xlim(-0.5, len(values.choices) - 0.5)
        axes.set_xticks(range(len(values.choices)), [str(choice) for choice in values.choices])
    elif isinstance(values, FloatDistribution):
        if values.log:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(numticks=10))
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlim(values.low, values.high)


def _place(values: BaseDistribution, value: Number, number: int) -> float:
    if isinstance(values, CategoricalDistribution):
        return values.choices.index(value) + 0.5 * (number * SPREAD % 1 - 0.5)
    return float(value)


def _losses(records: list[Record]) -> list[float]:
    return [min(max(record.outcome.loss, SMALLEST), LARGEST) for record in records]


def _key(axes: Axes, ranking: Ranking) -> None:
    best = ranking.best[0]
    failed = len(ranking.records) - len(ranking.best)
    words = loss_words(best.outcome.loss)
    capped = any(record.outcome.loss > LARGEST for record in ranking.best)
    note = f"\n(a loss above {LARGEST:g} at {LARGEST:g})" if capped else ""
    marks = [
        (f"a trial, {len(ranking.best)} in all{note}", "o", TRIAL, 4.5),
        (f"the best, trial {best.number:04d}: {words}", "*", BEST, 13.0),
        (f"failed, {failed} in all", "|", FAILED, 9.0),
    ]
    handles = [
        Line2D([], [], marker=marker, color=colour, linestyle="", markersize=size, label=label)
        for label, marker, colour, size in marks[: 3 if failed else 2]
    ]
    axes.legend(handles=handles, loc="center", frameon=False)
