"""Draw accuracy against layers left: `.venv/bin/python -m docs.draw_pruning`.

Reads docs/pruning/results.json, which `python -m benchmarks.pruning` writes, and writes
docs/pruning/accuracy.svg: means over the seeds, and the seeds themselves as dots.
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
WAYS = {
    "fine-tuned": ("pruned, 4 epochs of fine-tuning", "#2f81f7", "o"),
    "from scratch": ("from scratch, 19 epochs", "#d29922", "s"),
    "as it is": ("pruned, weights as they were", "#3fb950", "^"),
}
LOWEST = 95.0  # percent; below it the curves without fine-tuning leave the picture

Result = dict[str, Any]


def draw_depth(axes: Axes, results: list[Result], depth: int) -> None:
    """Draw the three ways of the network of `depth` layers."""
    whole = max(result["left"] for result in results)
    before = np.mean([result["test"] for result in results if result["left"] == whole])
    axes.axhline(float(before), color=INK, linestyle="--", linewidth=1.2, label="unpruned")
    for way, (label, colour, marker) in WAYS.items():
        scores: dict[int, list[float]] = defaultdict(list)
        for result in results:
            if result["way"] == way:
                scores[result["left"]].append(result["test"])
        left = sorted(scores)
        means = [np.mean(scores[count]) for count in left]
        axes.plot(left, means, color=colour, marker=marker, markersize=5, label=label)
        for count in left:
            found = scores[count]
            axes.plot([count] * len(found), found, ".", color=colour, markersize=4, alpha=0.5)
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks := sorted({result["left"] for result in results}), map(str, ticks))
    axes.minorticks_off()
    axes.invert_xaxis()
    axes.set(ylim=(LOWEST, 98.6), title=f"{depth} layers", xlabel="highway layers left")
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
    """Write the picture."""
    results = json.loads((FOLDER / "results.json").read_text())
    with drawing_settings():
        _, png = save(draw(results), FOLDER / "accuracy")
    png.unlink()  # the pages show the SVG


if __name__ == "__main__":
    main()
