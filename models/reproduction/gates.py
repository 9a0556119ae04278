"""Gates and lesions of a dense network of 50 layers (section 4, figures 2 to 4)."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from models.data.dataset import SplitName
from models.gates.curves import draw_joint_lesions, draw_lesions
from models.gates.pictures import (
    draw_biases,
    draw_class_gates,
    draw_mean_gates,
    draw_sample_gates,
    draw_sample_outputs,
)
from models.gates.reordering import reordering_work
from models.gates.report import GateReport, Sample, Steps, gate_report
from models.networks.network import HighwayClassifier
from models.reproduction.experiment import Task
from models.reproduction.findings import Comparison, Findings, Picture
from models.reproduction.networks import DEPTH, trained

EARLY, LATE = 15, 45  # layers between which the paper finds no effect on MNIST
OPEN = 0.1  # a gate above it takes part in its row's computation
DIGITS = ("0", "7")  # that the paper compares
NO_EFFECT = 0.001  # of accuracy: a layer whose lesion costs less does not contribute

Draw = Callable[[GateReport], Figure]
_GATES: dict[str, tuple[Draw, str]] = {
    "biases": (draw_biases, "Gate biases after training, and their change."),
    "mean_gates": (draw_mean_gates, "Mean transform gate of every unit and layer."),
    "sample_gates": (draw_sample_gates, "Transform gates of one image."),
    "sample_outputs": (draw_sample_outputs, "Outputs of the layers for that image."),
    "class_gates": (draw_class_gates, "Mean gates of each digit minus those of all images."),
}
_LESIONS: dict[str, tuple[Draw, str]] = {
    "lesions": (draw_lesions, "Accuracy and loss with each layer closed in turn."),
    "joint_lesions": (draw_joint_lesions, "The least useful layers closed together."),
}


def reproduce_gates(task: Task, depth: int = DEPTH) -> Findings:
    """Measure what section 4.1 says about gates."""
    report = measured(task, depth)
    change = np.concatenate(
        [np.array(layer.gate_bias_after) - layer.gate_bias_before for layer in report.layers]
    )
    layers = report.layers
    rows = (
        Comparison(
            quantity="gate biases that fell in training, %",
            paper="most",
            here=f"{100 * float((change < 0).mean()):.0f}",
        ),
        Comparison(
            quantity=f"gates above {OPEN:g} for one image, %",
            paper="very few",
            here=f"{100 * float(np.mean([np.array(x.sample_gate) > OPEN for x in layers])):.0f}",
        ),
        Comparison(
            quantity=f"change of one image's outputs in layers 2 to {EARLY}, of all after the "
            "first, %",
            paper="most",
            here=f"{100 * early_change([layer.sample_output for layer in layers]):.0f}",
        ),
        *_class_rows(report),
    )
    return _findings(report, rows, _GATES)


def reproduce_lesion(task: Task, depth: int = DEPTH) -> Findings:
    """Measure what section 4.2 says about lesions, over all training rows."""
    report = measured(task, depth)
    costs = {
        layer.number: 100 * (report.intact.accuracy - layer.lesion.accuracy)
        for layer in report.layers
    }  # points of accuracy that the lesion of each layer costs
    idle = [number for number, cost in costs.items() if cost < 100 * NO_EFFECT]
    early = [cost for number, cost in costs.items() if number <= EARLY]
    rows = (
        Comparison(
            quantity=f"layers whose lesion costs less than {100 * NO_EFFECT:g} points, %",
            paper="about 60",
            here=f"{100 * len(idle) / len(costs):.0f}",
        ),
        Comparison(
            quantity=f"layers from {EARLY} to {LATE} among them",
            paper="all",
            here=f"{sum(EARLY <= number <= LATE for number in idle)} of "
            f"{sum(EARLY <= number <= LATE for number in costs)}",
        ),
        Comparison(
            quantity="largest cost of one early layer, points",
            paper="clear",
            here=f"{max(early):.1f}",
        ),
    )
    return _findings(report, rows, _LESIONS)


def measured(task: Task, depth: int) -> GateReport:
    """Train the network if needed, and measure its gates on the training rows."""
    _, network = trained(task, depth)
    return report_of(task, network, "train", f"dense, {depth} layers")


def report_of(
    task: Task, network: HighwayClassifier, part_name: SplitName, name: str
) -> GateReport:
    """Measure a network's gates on a part of the rows."""
    dataset = task.trainings.dataset
    part = dataset.part(part_name)
    rows, layers = len(part), len(network.config.highway_blocks)
    return gate_report(
        network,
        part,
        run=name,
        rows_of=f"{dataset.name}, {part_name}",
        labels=dataset.labels,
        sample=Sample(row=0, label=dataset.labels[part.y[0]]),
        sample_row=part.x[0],
        steps=Steps(
            means=task.bar("mean gates", rows),
            single=task.bar("each layer closed", layers * rows),
            joint=task.bar("several layers closed", (layers + 1) * rows),
            estimation=task.bar("estimation errors", rows),
            reordering=task.bar("other orders", reordering_work(network, rows)),
        ),
    )


def early_change(outputs: Sequence[Sequence[float]]) -> float:
    """Return the share of layers 2 to `EARLY` in the summed absolute change of one row's outputs.

    Each layer has its outputs, (units,); the change of the first one is not counted.
    """
    changes = np.abs(np.diff(np.array(outputs), axis=0)).sum(axis=1).tolist()
    return share_of_first(changes, EARLY - 1)


def share_of_first(amounts: Sequence[float], count: int) -> float:
    """Return the share of a sum that its first `count` terms make; 0 of a sum of 0."""
    total = sum(amounts)
    return sum(amounts[:count]) / total if total else 0.0


def _class_rows(report: GateReport) -> list[Comparison]:
    """Compare the gates of two digits; none for data without them."""
    by_label = {group.label: group.mean_gate_difference for group in report.classes if group.rows}
    if not set(DIGITS) <= set(by_label):
        return []
    one, other = (np.array(by_label[label]) for label in DIGITS)
    differences = np.abs(one - other).sum(axis=1).tolist()
    return [
        Comparison(
            quantity=f"difference of the gates of {' and '.join(DIGITS)} that lies in the first "
            f"{EARLY} layers, %",
            paper="clear differences there",
            here=f"{100 * share_of_first(differences, EARLY):.0f}",
        )
    ]


def _findings(
    report: GateReport, rows: tuple[Comparison, ...], pictures: dict[str, tuple[Draw, str]]
) -> Findings:
    return Findings(
        comparisons=rows,
        notes=(f"All {report.rows:,} training rows; accuracy {report.intact.accuracy:.2%}.",),
        numbers={
            "intact": [report.intact.accuracy, report.intact.loss],
            "layers": [
                {
                    "number": layer.number,
                    "openness": layer.openness,
                    "gate_bias_before": layer.gate_bias_before,
                    "mean_gate_bias_after": round(float(np.mean(layer.gate_bias_after)), 6),
                    "accuracy_if_closed": layer.lesion.accuracy,
                    "loss_if_closed": layer.lesion.loss,
                }
                for layer in report.layers
            ],
        },
        pictures={
            name: Picture(caption=caption, draw=partial(draw, report))
            for name, (draw, caption) in pictures.items()
        },
    )
