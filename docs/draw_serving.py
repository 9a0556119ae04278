"""Write the results of the serving benchmark to the docs: `python -m docs.draw_serving`.

Reads docs/serving/results.json, which `python -m benchmarks.serving` writes. Writes the tables of
docs/measurements/serving.md and docs/serving.md, docs/serving/closed_loop.svg and overload.svg.
"""

from itertools import groupby
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from benchmarks.serving.contenders import ASYNC_DEF, DEF, PREDICT, V2_BINARY, V2_JSON
from benchmarks.serving.page import filled
from benchmarks.serving.results import Cell, OpenLoop, Results
from benchmarks.serving.tables import CLIENTS, STEADY, TABLES
from models.drawing import INK, drawing_settings, save

FOLDER = Path(__file__).parent / "serving"
PAGE = Path(__file__).parent / "measurements" / "serving.md"
USER_PAGE = Path(__file__).parent / "serving.md"

LABELS = {  # from top to bottom, with label, colour and marker
    V2_BINARY: ("this server, V2 binary", "#2f81f7", "o"),
    V2_JSON: ("this server, V2 JSON", "#3fb950", "s"),
    PREDICT: ("this server, /predict", "#1b9e9e", "D"),
    ASYNC_DEF: ("FastAPI, async def", "#d29922", "v"),
    DEF: ("FastAPI, def", "#db6d28", "^"),
}


def draw_rates(axes: Axes, cells: list[Cell]) -> None:
    """Draw a bar of requests per second for each contender."""
    for place, cell in enumerate(cells):
        rate = cell.requests_per_second
        axes.barh(place, rate, color=LABELS[cell.contender][1], height=0.7)
        axes.annotate(
            f"{rate:,.0f}", (rate, place), (4, 0), textcoords="offset points", va="center"
        )
    # Space for the numbers; every panel has its own scale.
    axes.set_xlim(0, 1.4 * max(cell.requests_per_second for cell in cells))
    axes.set_xticks([])
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def draw_latencies(axes: Axes, cells: list[Cell]) -> None:
    """Draw a line from the median to the 99th percentile for each contender."""
    for place, cell in enumerate(cells):
        colour = LABELS[cell.contender][1]
        axes.plot([cell.p50_ms, cell.p99_ms], [place, place], color=colour, linewidth=2)
        axes.plot(cell.p50_ms, place, "o", color=colour, markersize=6)
        axes.plot(cell.p99_ms, place, "|", color=colour, markersize=10, markeredgewidth=2)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid(axis="x", color=INK, alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def draw_closed_loop(cells: list[Cell]) -> Figure:
    """Draw rates above latencies, for the shallowest and the deepest network."""
    depths = {cell.layers for cell in cells}
    selected = [cell for cell in cells if cell.clients == CLIENTS and cell.layers in ends(depths)]
    columns = sorted({(cell.rows, cell.layers) for cell in selected})
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    panels = figure.subplots(2, len(columns), squeeze=False, sharey=True)
    for (rows, layers), (above, below) in zip(columns, panels.T, strict=True):
        here = {
            cell.contender: cell for cell in selected if (cell.rows, cell.layers) == (rows, layers)
        }
        ordered = [here[name] for name in reversed(LABELS) if name in here]
        draw_rates(above, ordered)
        draw_latencies(below, ordered)
        above.set_title(f"{layers} layers, {rows} {'row' if rows == 1 else 'rows'}")
        above.set_yticks(range(len(ordered)), [LABELS[cell.contender][0] for cell in ordered])
        below.set_xlim(
            0.7 * min(cell.p50_ms for cell in selected), 1.4 * max(cell.p99_ms for cell in selected)
        )
    panels[0, 0].set_ylabel("requests per second")
    panels[1, 0].set_ylabel("ms: median to p99")
    return figure


def ends(depths: set[int]) -> set[int]:
    """Return the minimum and the maximum."""
    return {min(depths), max(depths)}


def draw_overload(records: list[OpenLoop]) -> Figure:
    """Draw responses and latencies against the offered rate, for steady arrivals."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    accepted, late = figure.subplots(1, 2)
    steady = [record for record in records if record.arrivals == STEADY]
    for (name, rows), group in groupby(steady, key=lambda record: (record.contender, record.rows)):
        points = list(group)
        percents = [point.percent for point in points]
        label, colour, marker = LABELS[name]
        label = f"{label}, {rows} {'row' if rows == 1 else 'rows'}"
        style = {"color": colour, "marker": marker, "markersize": 5.0, "label": label}
        shares = [point.goodput / point.offered * point.percent for point in points]
        accepted.plot(percents, shares, **style)
        late.plot(percents, [point.p99_ms or float("nan") for point in points], **style)
    accepted.plot([0, 100, 300], [0, 100, 100], color=INK, linestyle="--", label="ideal")
    late.set_yscale("log")
    late.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    accepted.set(ylim=(0, None), ylabel="responses 200, % of capacity")
    late.set_ylabel("p99 of responses 200, ms")
    for axes in (accepted, late):
        axes.set_xlabel("offered, % of capacity")
        axes.grid(color=INK, alpha=0.25, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = accepted.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return figure


def main() -> None:
    """Write the pictures and the page."""
    results = Results.read(FOLDER / "results.json")
    tables = {name: table_of(results) for name, table_of in TABLES.items()}
    PAGE.write_text(filled(PAGE.read_text(), tables))
    comparison = {"comparison": tables["comparison"]}
    USER_PAGE.write_text(filled(USER_PAGE.read_text(), comparison))
    with drawing_settings():
        for figure, name in (
            (draw_closed_loop(results.cells), "closed_loop"),
            (draw_overload(results.open_loop), "overload"),
        ):
            _, png = save(figure, FOLDER / name)
            png.unlink()  # the page shows the SVG


if __name__ == "__main__":
    main()
