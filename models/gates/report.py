"""All numbers behind the pictures of a network's gates: the content of `gates.json`.

Values are rounded: beyond float32's own precision of a mean gate nothing is worth storing.
"""

from dataclasses import dataclass

import numpy as np

from models.data.dataset import FloatRows, Part
from models.gates.baseline import DECIMALS
from models.gates.lesions import Lesions, Outcome, joint_lesions, single_lesions
from models.gates.statistics import (
    MeanGates,
    RowGates,
    Step,
    Units,
    gate_biases,
    mean_unit_gates,
    row_gates,
)
from models.networks.network import HighwayClassifier

Values = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The one row that is looked at alone: its place among the rows, from 0, and its label."""

    row: int
    label: str


@dataclass(frozen=True, kw_only=True)
class LayerReport:
    """One highway layer; lists hold a number for each unit, or for each channel's mean."""

    number: int
    kind: str
    width: int
    gate_bias_before: float
    gate_bias_after: Values
    mean_gate: Values
    openness: float  # the mean of `mean_gate`
    sample_gate: Values
    sample_output: Values
    lesion: Outcome  # with this layer closed


@dataclass(frozen=True, kw_only=True)
class ClassReport:
    """One class: its mean gates minus those of all rows, layer by layer; empty without rows."""

    label: str
    rows: int
    mean_gate_difference: tuple[Values, ...]


@dataclass(frozen=True, kw_only=True)
class JointLesion(Outcome):
    """The layers of these numbers closed together."""

    closed: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class GateReport:
    """Everything; `joint_lesions` close the least useful layers, from none to all."""

    run: str
    rows_of: str
    rows: int
    sample: Sample
    layers: tuple[LayerReport, ...]
    intact: Outcome
    classes: tuple[ClassReport, ...]
    joint_lesions: tuple[JointLesion, ...]


@dataclass(frozen=True, kw_only=True)
class Steps:
    """Who is told of the rows that are done: once, once for each layer, once for each k."""

    means: Step
    single: Step
    joint: Step


def gate_report(
    network: HighwayClassifier,
    part: Part,
    *,
    run: str,
    rows_of: str,
    labels: tuple[str, ...],
    sample: Sample,
    sample_row: FloatRows,
    steps: Steps,
) -> GateReport:
    """Measure a network of one highway layer at least on the rows of `part`, one at least."""
    means = mean_unit_gates(network, part, steps.means)
    lesions = single_lesions(network, part, steps.single)
    order = lesions.least_useful_first()
    numbers = [block.number for block in network.config.highway_blocks]
    joint = joint_lesions(network, part, order, steps.joint)
    return GateReport(
        run=run,
        rows_of=rows_of,
        rows=len(part),
        sample=sample,
        layers=_layers(network, means, row_gates(network, sample_row), lesions),
        intact=_rounded_outcome(lesions.intact),
        classes=_classes(means, labels),
        joint_lesions=tuple(
            JointLesion(
                closed=tuple(numbers[layer] for layer in order[:count]),
                accuracy=round(found.accuracy, DECIMALS),
                loss=round(found.loss, DECIMALS),
            )
            for count, found in enumerate(joint)
        ),
    )


def _layers(
    network: HighwayClassifier, means: MeanGates, sample: RowGates, lesions: Lesions
) -> tuple[LayerReport, ...]:
    biases = gate_biases(network)
    return tuple(
        LayerReport(
            number=block.number,
            kind=block.kind,
            width=block.width,
            gate_bias_before=block.gate_bias,
            gate_bias_after=_rounded(biases[layer]),
            mean_gate=_rounded(means.overall[layer]),
            openness=round(float(means.overall[layer].mean()), DECIMALS),
            sample_gate=_rounded(sample.gates[layer]),
            sample_output=_rounded(sample.outputs[layer]),
            lesion=_rounded_outcome(lesions.single[layer]),
        )
        for layer, block in enumerate(network.config.highway_blocks)
    )


def _classes(means: MeanGates, labels: tuple[str, ...]) -> tuple[ClassReport, ...]:
    differences = [
        by_class - overall for by_class, overall in zip(means.by_class, means.overall, strict=True)
    ]
    return tuple(
        ClassReport(
            label=label,
            rows=rows,
            mean_gate_difference=tuple(_rounded(layer[index]) for layer in differences if rows),
        )
        for index, (label, rows) in enumerate(zip(labels, means.class_rows, strict=True))
    )


def _rounded(values: Units) -> Values:
    return tuple(np.round(values, DECIMALS).tolist())


def _rounded_outcome(outcome: Outcome) -> Outcome:
    return Outcome(accuracy=round(outcome.accuracy, DECIMALS), loss=round(outcome.loss, DECIMALS))
