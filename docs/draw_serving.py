"""Write the results of the serving benchmark to the docs, without measuring again.

    python -m docs.draw_serving [--results FILE]

Reads docs/serving/results.json, which `python -m benchmarks.serving` writes. Writes the tables of
docs/measurements/serving.md and docs/serving.md, docs/serving/closed_loop.svg and overload.svg.
"""

import argparse
from itertools import groupby
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from benchmarks.serving.comparison import CLIENTS
from benchmarks.serving.contenders import (
    ASYNC_DEF,
    BINARY,
    DEF,
    JSON,
    PREDICT,
    V2_BINARY,
    V2_JSON,
    of_rival,
)
from benchmarks.serving.page import counted, filled
from benchmarks.serving.results import Cell, OpenLoop, Results
from benchmarks.serving.rivals.installed import MOSEC, NODE, SKETCH, TRITON
from benchmarks.serving.tables import STEADY, TABLES, start
from models.drawing import INK, drawing_settings, save

FOLDER = Path(__file__).parent / "serving"
PAGE = Path(__file__).parent / "measurements" / "serving.md"
USER_PAGE = Path(__file__).parent / "serving.md"
USER_TABLES = ("rounds", "comparison", "losses", "rates")
DRAWN = ("dense-10", "dense-100")  # networks, in one picture

LABELS = {  # from top to bottom, with label, colour and marker
    of_rival(SKETCH, BINARY): ("sketch, binary", "#8b949e", "o"),
    V2_BINARY: ("this server, binary", "#2f81f7", "o"),
    of_rival(NODE, BINARY): ("Fastify, binary", "#a371f7", "o"),
    of_rival(TRITON, BINARY): ("Triton (Python), binary", "#f778ba", "o"),
    of_rival(SKETCH, JSON): ("sketch, JSON", "#8b949e", "s"),
    V2_JSON: ("this server, JSON", "#3fb950", "s"),
    PREDICT: ("this server, /predict", "#1b9e9e", "D"),
    of_rival(NODE, JSON): ("Fastify, JSON", "#a371f7", "s"),
    of_rival(TRITON, JSON): ("Triton (Python), JSON", "#f778ba", "s"),
    of_rival(MOSEC, JSON): ("mosec, JSON", "#e3b341", "s"),
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
    """Draw rates above latencies, for the shallow and the deep dense network."""
    selected = [cell for cell in cells if cell.clients == CLIENTS and cell.network in DRAWN]
    columns = sorted({(cell.rows, DRAWN.index(cell.network)) for cell in selected})
    figure = Figure(figsize=(10, 7), layout="constrained")
    panels = figure.subplots(2, len(columns), squeeze=False, sharey=True)
    for (rows, place), (above, below) in zip(columns, panels.T, strict=True):
        key = rows, DRAWN[place]
        here = {cell.contender: cell for cell in selected if (cell.rows, cell.network) == key}
        ordered = [here[name] for name in reversed(LABELS) if name in here]
        draw_rates(above, ordered)
        draw_latencies(below, ordered)
        above.set_title(f"{DRAWN[place]}, {counted(rows, 'row')}")
        above.set_yticks(range(len(ordered)), [LABELS[cell.contender][0] for cell in ordered])
        below.set_xlim(
            0.7 * min(cell.p50_ms for cell in selected), 1.4 * max(cell.p99_ms for cell in selected)
        )
    panels[0, 0].set_ylabel("requests per second")
    panels[1, 0].set_ylabel("ms: median to p99")
    return figure


def draw_overload(records: list[OpenLoop]) -> Figure:
    """Draw responses and latencies against the offered rate, for steady arrivals."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    accepted, late = figure.subplots(1, 2)
    steady = [record for record in records if record.arrivals == STEADY]
    for (name, rows), group in groupby(steady, key=lambda record: (record.contender, record.rows)):
        points = list(group)
        percents = [point.percent for point in points]
        label, colour, marker = LABELS[name]
        label = f"{label}, {counted(rows, 'row')}"
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
    parser = argparse.ArgumentParser(
        prog="python -m docs.draw_serving",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--results", type=Path, default=FOLDER / "results.json")
    results = Results.read(parser.parse_args().results)
    tables = {name: table_of(results) for name, table_of in TABLES.items()}
    PAGE.write_text(filled(PAGE.read_text(), tables))
    user_tables = {name: tables[name] for name in USER_TABLES} | {"start": start(results)}
    USER_PAGE.write_text(filled(USER_PAGE.read_text(), user_tables))
    with drawing_settings():
        for figure, name in (
            (draw_closed_loop(results.cells), "closed_loop"),
            (draw_overload(results.open_loop), "overload"),
        ):
            _, png = save(figure, FOLDER / name)
            png.unlink()  # the page shows the SVG


if __name__ == "__main__":
    main()
