"""Draw docs/sure_but_unusual.svg: `.venv/bin/python -m docs.draw_noisy_seven`.

Two pictures with the same label and certainty, and their gates beside those of held-out rows.
"""

import json
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from models.drawing import drawing_settings
from service.arrays import FloatArray
from service.classifier import Classifier, ModelOutputs
from service.settings import BUNDLED_MODEL

DOCS = Path(__file__).parent
EXAMPLES = DOCS.parent / "examples"
OPEN, USUAL = "#2f81f7", "#8b949e"


def example(name: str) -> FloatArray:
    """Return the pixels (28, 28) of an example request."""
    body = json.loads((EXAMPLES / name).read_text())
    return np.array(body["instances"][0], np.float32)


def draw_gates(axes: Axes, outputs: ModelOutputs, edges: NDArray[np.float64]) -> None:
    """Draw the mean gates against the quantiles (layers, 10) of held-out rows of the label.

    The bar of a layer spans the central 9/11 of those rows, and 0 is their median.
    """
    layers = np.arange(1, len(edges) + 1)
    median = edges[:, [4, 5]].mean(axis=1)
    axes.vlines(layers, *(edges[:, [0, -1]].T - median), color=USUAL, linewidth=14, alpha=0.5)
    axes.plot(layers, outputs.gate_mean[0] - median, "o", color=OPEN, markersize=6)
    axes.set(ylim=(-0.1, 0.1), xticks=layers, yticks=[-0.1, 0, 0.1])
    axes.tick_params(length=0)


def draw() -> Figure:
    """Draw both pictures, one above the other."""
    classifier = Classifier.load(BUNDLED_MODEL)
    metadata = classifier.metadata
    assert metadata.held_out is not None
    figure, axes = plt.subplots(
        2, 2, figsize=(8.4, 3.4), width_ratios=[1, 3.4], layout="constrained"
    )
    for row, name in zip(axes, ("seven.json", "noisy_seven.json"), strict=True):
        pixels = example(name)
        outputs = classifier.run(pixels.reshape(1, -1))
        label = int(outputs.probabilities[0].argmax())
        edges = np.array(metadata.held_out.edges[label], np.float64)
        row[0].imshow(pixels, cmap="gray", vmin=0, vmax=255)
        row[0].set_axis_off()
        draw_gates(row[1], outputs, edges)
        gates, confidence, _ = outputs.typicality[0]
        row[1].set_title(
            f"label {metadata.labels[label]}, probability {outputs.probabilities[0, label]:.6f}; "
            f"typicality of the confidence {confidence:.2f}, of the gates {gates:.2g}",
            fontsize=10,
            loc="left",
        )
    axes[1, 1].set_xlabel(
        "highway layer; mean gate minus the median of held-out sevens; bar: most held-out sevens",
        fontsize=9,
    )
    return figure


if __name__ == "__main__":
    with drawing_settings():
        draw().savefig(DOCS / "sure_but_unusual.svg", transparent=True, metadata={"Date": None})
