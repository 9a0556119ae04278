"""The pictures of a gate report, by the names of their files."""

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from models.drawing import drawing_settings, save
from models.gates.curves import draw_joint_lesions, draw_lesions
from models.gates.heatmaps import (
    draw_biases,
    draw_class_gates,
    draw_mean_gates,
    draw_sample_gates,
    draw_sample_outputs,
)
from models.gates.report import GateReport

PICTURES: dict[str, Callable[[GateReport], Figure]] = {
    "biases": draw_biases,
    "mean_gates": draw_mean_gates,
    "sample_gates": draw_sample_gates,
    "class_gates": draw_class_gates,
    "sample_outputs": draw_sample_outputs,
    "lesions": draw_lesions,
    "joint_lesions": draw_joint_lesions,
}


def write_pictures(report: GateReport, directory: Path) -> list[Path]:
    """Draw every picture into `directory`, each as SVG and as PNG; return the files.

    The same report gives the same bytes.
    """
    files = []
    with drawing_settings():
        for name, draw in PICTURES.items():
            files += save(draw(report), directory / name)
    return files
