"""Draw how unusual inputs are told: `.venv/bin/python -m docs.draw_unusual`.

Reads docs/unusual/results.json, which `python -m benchmarks.unusual` writes, puts its tables into
docs/unusual.md, and writes docs/unusual/kinds.svg and docs/unusual/p_values.svg.
"""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from benchmarks.serving.page import filled
from benchmarks.unusual.kinds import KINDS
from benchmarks.unusual.measures import LEVELS
from benchmarks.unusual.results import Network, Results
from benchmarks.unusual.tables import NAMES, TABLES, aurocs
from models.drawing import INK, drawing_settings, save

FOLDER = Path(__file__).parent / "unusual"
PAGE = Path(__file__).parent / "unusual.md"

SIGNS = {  # with their colours and markers
    "confidence": ("confidence alone", "#d29922", "s"),
    "gates": ("gates alone", "#3fb950", "^"),
    "both": ("both", "#2f81f7", "o"),
}
TEST_ROWS, HELD_OUT_ROWS = 10_000, 6_000


def draw_kinds(results: Results) -> Figure:
    """Draw the AUROC by kind, confidence against both, a panel for each preset."""
    figure = Figure(figsize=(9, 4.4), layout="constrained")
    panels = figure.subplots(1, len(NAMES), sharey=True)
    ordered = sorted(KINDS, key=lambda kind: gain(results.of(next(iter(NAMES))), kind))
    for axes, (preset, name) in zip(panels, NAMES.items(), strict=True):
        draw_network(axes, results.of(preset), ordered)
        axes.set(title=f"{name} ({preset})", xlabel="AUROC, mean of the seeds")
    panels[0].set_yticks(range(len(ordered)), ordered)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return figure


def gain(networks: list[Network], kind: str) -> float:
    """Return how much the gates add to the confidence."""
    before, after = (aurocs(networks, sign, (kind,)).mean() for sign in ("confidence", "both"))
    return float(after - before)


def draw_network(axes: Axes, networks: list[Network], kinds: list[str]) -> None:
    """Draw a line from what the confidence tells to what both tell, for each kind."""
    ends = {}
    for sign in ("confidence", "both"):
        label, colour, marker = SIGNS[sign]
        ends[sign] = [float(aurocs(networks, sign, (kind,)).mean()) for kind in kinds]
        axes.plot(ends[sign], range(len(kinds)), marker, color=colour, label=label, zorder=3)
    for place, (before, after) in enumerate(zip(ends["confidence"], ends["both"], strict=True)):
        colour = SIGNS["both" if after >= before else "confidence"][1]
        axes.plot([before, after], [place, place], color=colour, linewidth=1.6, alpha=0.7)
    axes.grid(axis="x", color=INK, alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def draw_p_values(results: Results) -> Figure:
    """Draw the distribution of p-values of the test rows: whole above, its tail below."""
    figure = Figure(figsize=(9, 6.4), layout="constrained")
    panels = figure.subplots(2, len(NAMES))
    for (whole, tail), (preset, name) in zip(panels.T, NAMES.items(), strict=True):
        draw_distribution(whole, results.of(preset))
        draw_distribution(tail, results.of(preset))
        draw_chance(tail)
        whole.set(title=f"{name} ({preset})", xlim=(0, 1), ylim=(0, 1))
        tail.set(xscale="log", yscale="log", xlim=(1e-4, 1), ylim=(1e-4, 1), xlabel="p-value")
        for axis in (tail.xaxis, tail.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        tail.minorticks_off()
    for row in panels:
        row[0].set_ylabel("share of test rows below")
    handles, labels = panels[1, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
    return figure


def draw_distribution(axes: Axes, networks: list[Network]) -> None:
    """Draw a line for each sign and seed, and the diagonal where uniform p-values lie."""
    for sign, (label, colour, _) in SIGNS.items():
        for place, network in enumerate(networks):
            told = None if place else label
            quantiles = network.uniform[sign].quantiles
            axes.plot(quantiles, LEVELS, color=colour, linewidth=1, alpha=0.7, label=told)
    axes.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=1.2, label="uniform")
    axes.grid(color=INK, alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def draw_chance(axes: Axes) -> None:
    """Draw where 19 of 20 shares lie by the chance of the test rows and of those held out."""
    chance = 1.96 * np.sqrt(LEVELS * (1 - LEVELS) * (1 / TEST_ROWS + 1 / HELD_OUT_ROWS))
    low, high = np.maximum(LEVELS - chance, 1e-9), LEVELS + chance
    axes.fill_between(LEVELS, low, high, color=INK, alpha=0.25, linewidth=0, label="by chance")


def main() -> None:
    """Write the pictures and the page."""
    results = Results.read(FOLDER / "results.json")
    tables = {name: tell(results) for name, tell in TABLES.items()}
    PAGE.write_text(filled(PAGE.read_text(), tables))
    with drawing_settings():
        for figure, name in ((draw_kinds(results), "kinds"), (draw_p_values(results), "p_values")):
            _, png = save(figure, FOLDER / name)
            png.unlink()  # the page shows the SVG


if __name__ == "__main__":
    main()
