"""Draw the benchmark of typicality: `.venv/bin/python -m docs.draw_typicality`.

Reads docs/typicality/results.json, which `python -m benchmarks.typicality` writes, fills the tables
of docs/typicality.md and docs/measurements/typicality.md, and writes docs/typicality/kinds.svg and
p_values.svg.
"""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from benchmarks.serving.page import filled
from benchmarks.typicality.inputs import KINDS
from benchmarks.typicality.outsiders import NOTMNIST
from benchmarks.typicality.results import LEVELS, Network, Results, has_letters
from benchmarks.typicality.tables import NAMES, TABLES, USER_TABLES, aurocs
from models.drawing import INK, drawing_settings, save

FOLDER = Path(__file__).parent / "typicality"
PAGES = {
    Path(__file__).parent / "typicality.md": USER_TABLES,
    Path(__file__).parent / "measurements" / "typicality.md": TABLES,
}

COLUMNS = {  # with their colours and markers
    "confidence": ("confidence alone", "#d29922", "s"),
    "gates": ("gates alone", "#3fb950", "^"),
    "combined": ("combined", "#2f81f7", "o"),
}


def draw_kinds(results: Results) -> Figure:
    """Draw the AUROC of confidence and combined by kind, a panel for each preset."""
    figure = Figure(figsize=(9, 4.4), layout="constrained")
    panels = figure.subplots(1, len(NAMES), sharey=True)
    first = results.of(next(iter(NAMES)))
    # notMNIST's letters lie apart, below the kinds that the means are of.
    ordered = sorted(KINDS, key=lambda kind: gain(first, kind))
    ordered = [*([NOTMNIST] if NOTMNIST in results.kinds else []), *ordered]
    for axes, (preset, name) in zip(panels, NAMES.items(), strict=True):
        draw_network(axes, results.of(preset), ordered)
        axes.set(title=f"{name} ({preset})", xlabel="AUROC, mean of the seeds")
    panels[0].set_yticks(range(len(ordered)), ordered)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return figure


def gain(networks: list[Network], kind: str) -> float:
    """Return the AUROC of combined minus that of the confidence."""
    before, after = (aurocs(networks, name, (kind,)).mean() for name in ("confidence", "combined"))
    return float(after - before)


def draw_network(axes: Axes, networks: list[Network], kinds: list[str]) -> None:
    """Draw a line from the AUROC of the confidence to that of combined, for each kind.

    The kinds are rows from the bottom up. A kind that was not measured leaves its row empty.
    """
    letters = all(map(has_letters, networks))
    rows = {y: kind for y, kind in enumerate(kinds) if kind != NOTMNIST or letters}
    ends = {}
    for name in ("confidence", "combined"):
        label, colour, marker = COLUMNS[name]
        ends[name] = [float(aurocs(networks, name, (kind,)).mean()) for kind in rows.values()]
        axes.plot(ends[name], [*rows], marker, color=colour, label=label, zorder=3)
    for y, before, after in zip(rows, ends["confidence"], ends["combined"], strict=True):
        colour = COLUMNS["combined" if after >= before else "confidence"][1]
        axes.plot([before, after], [y, y], color=colour, linewidth=1.6, alpha=0.7)
    axes.grid(axis="x", color=INK, alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def draw_p_values(results: Results) -> Figure:
    """Draw the distribution of the test rows' p-values, and its tail on logarithmic axes."""
    figure = Figure(figsize=(9, 6.4), layout="constrained")
    panels = figure.subplots(2, len(NAMES))
    for (above, tail), (preset, name) in zip(panels.T, NAMES.items(), strict=True):
        draw_distribution(above, results.of(preset))
        draw_distribution(tail, results.of(preset))
        draw_chance(tail, results.of(preset))
        above.set(title=f"{name} ({preset})", xlim=(0, 1), ylim=(0, 1))
        tail.set(xscale="log", yscale="log", xlim=(1e-4, 1), ylim=(1e-4, 1), xlabel="p-value")
        for axis in (tail.xaxis, tail.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        tail.minorticks_off()
    for row in panels:
        row[0].set_ylabel("share of ordinary rows below")
    handles, labels = panels[1, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
    return figure


def draw_distribution(axes: Axes, networks: list[Network]) -> None:
    """Draw a line for each column and seed, and the diagonal of uniform p-values."""
    for name, (label, colour, _) in COLUMNS.items():
        for index, network in enumerate(networks):
            quantiles = network.uniformity[name].quantiles
            shown = None if index else label
            axes.plot(quantiles, LEVELS, color=colour, linewidth=1, alpha=0.7, label=shown)
    axes.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=1.2, label="uniform")
    axes.grid(color=INK, alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def draw_chance(axes: Axes, networks: list[Network]) -> None:
    """Draw the range of 19 of 20 shares by chance, for the numbers of the networks' rows."""
    variance = max(1 / network.ordinary_rows + 1 / network.held_out_rows for network in networks)
    chance = 1.96 * np.sqrt(LEVELS * (1 - LEVELS) * variance)
    low, high = np.maximum(LEVELS - chance, 1e-9), LEVELS + chance
    axes.fill_between(LEVELS, low, high, color=INK, alpha=0.25, linewidth=0, label="by chance")


def main() -> None:
    """Write the pictures and the pages."""
    results = Results.read(FOLDER / "results.json")
    for page, tables in PAGES.items():
        parts = {name: write(results) for name, write in tables.items()}
        page.write_text(filled(page.read_text(), parts))
    with drawing_settings():
        for figure, name in ((draw_kinds(results), "kinds"), (draw_p_values(results), "p_values")):
            _, png = save(figure, FOLDER / name)
            png.unlink()  # the page shows the SVG


if __name__ == "__main__":
    main()
