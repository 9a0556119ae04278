"""Draw accuracy by number of remaining layers: `.venv/bin/python -m docs.draw_pruning`.

Reads docs/pruning/results.json, which `python -m benchmarks.pruning` writes, and writes
docs/pruning/accuracy.svg: lines are means over the seeds, dots are single seeds.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models.drawing import INK, drawing_settings, save

FOLDER = Path(__file__).parent / "pruning"
METHODS = {
    "fine-tuned": ("pruned, 4 epochs of fine-tuning", "#2f81f7", "o"),
    "from scratch": ("from scratch, 19 epochs", "#d29922", "s"),
    "not fine-tuned": ("pruned, not fine-tuned", "#3fb950", "^"),
}
LOWEST = 95.0  # percent; lower values occur only without fine-tuning

Result = dict[str, Any]


def draw_depth(axes: Axes, results: list[Result], depth: int) -> None:
    """Draw the three methods for the network of `depth` layers."""
    layers = max(result["left"] for result in results)
    before = np.mean([result["test"] for result in results if result["left"] == layers])
    axes.axhline(float(before), color=INK, linestyle="--", linewidth=1.2, label="unpruned")
    for method, (label, colour, marker) in METHODS.items():
        scores: dict[int, list[float]] = defaultdict(list)
        for result in results:
            if result["method"] == method:
                scores[result["left"]].append(result["test"])
        left = sorted(scores)
        means = [np.mean(scores[count]) for count in left]
        axes.plot(left, means, color=colour, marker=marker, markersize=5, label=label)
        for count in left:
            seeds = scores[count]
            axes.plot([count] * len(seeds), seeds, ".", color=colour, markersize=4, alpha=0.5)
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks := sorted({result["left"] for result in results}), map(str, ticks))
    axes.minorticks_off()
    axes.invert_xaxis()
    axes.set(ylim=(LOWEST, 98.6), title=f"{depth} layers", xlabel="remaining highway layers")
    axes.grid(color=INK, alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def draw(results: list[Result]) -> Figure:
    """Draw a panel for each depth."""
    depths = sorted({result["depth"] for result in results})
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    panels = figure.subplots(1, len(depths), sharey=True)
    for axes, depth in zip(panels, depths, strict=True):
        draw_depth(axes, [result for result in results if result["depth"] == depth], depth)
    panels[0].set_ylabel("test accuracy, %")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return figure


def main() -> None:
    """Write the picture as SVG."""
    results = json.loads((FOLDER / "results.json").read_text())
    with drawing_settings():
        _, png = save(draw(results), FOLDER / "accuracy")
    png.unlink()  # the pages show the SVG


if __name__ == "__main__":
    main()
