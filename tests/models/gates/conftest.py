"""Fixtures of several test files: networks of 8×8 digits, their data, and a report to draw."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from models.data.dataset import Dataset
from models.drawing import drawing_settings
from models.gates.estimation import LayerEstimation
from models.gates.outcomes import Outcome
from models.gates.pictures import PICTURES
from models.gates.reordering import DRAWS, Reordering, Reorderings
from models.gates.report import ClassReport, GateReport, JointLesion, LayerReport, Sample
from models.networks.blocks import Block, DenseBlock, HighwayBlock
from models.networks.network import HighwayClassifier, NetworkConfig
from models.networks.preparation import Scale
from models.run import Run


@pytest.fixture(scope="module")
def network(run_path: Path) -> HighwayClassifier:
    """Three highway layers of eight units, trained on 8×8 digits."""
    return Run(run_path).network()


@pytest.fixture(scope="module")
def dataset(run_path: Path) -> Dataset:
    return Run(run_path).dataset()


def untrained(seed: int, gate_bias: float, logit_scale: float = 1.0) -> HighwayClassifier:
    """A random network for 8×8 digits, with two highway layers of eight units."""
    torch.manual_seed(seed)
    layers = (HighwayBlock(number=number, width=8, gate_bias=gate_bias) for number in (1, 2))
    blocks: tuple[Block, ...] = (DenseBlock(width=8), *layers)
    config = NetworkConfig(shape=(8, 8), classes=10, preparation=Scale(divisor=16.0), blocks=blocks)
    network = HighwayClassifier(config).eval()
    network.output.weight.data *= logit_scale
    return network


def report(widths: Sequence[int], *, kind: str = "highway", classes: int = 2) -> GateReport:
    """A report of layers of these widths, with random numbers; a new width starts a new stage."""
    random = np.random.default_rng(0)

    def values(width: int, start: float = 0.0) -> tuple[float, ...]:
        return tuple((start + random.random(width)).tolist())

    def outcome() -> Outcome:
        return Outcome(accuracy=random.random(), loss=0.001 + random.random())

    def reordering(*layers: int) -> Reordering:
        return Reordering(layers=layers, **asdict(outcome()))

    numbered = groupby(enumerate(widths, start=1), key=lambda layer: layer[1])
    stages = [tuple(number for number, _ in stage) for _, stage in numbered]
    layers = tuple(
        LayerReport(
            number=number,
            kind=kind,
            width=width,
            gate_bias_before=-2.0,
            gate_bias_after=values(width, -2.5),
            mean_gate=values(width),
            openness=0.5,
            sample_gate=values(width),
            sample_output=values(width, -0.5),
            lesion=outcome(),
        )
        for number, width in enumerate(widths, start=1)
    )
    return GateReport(
        run="run",
        rows_of="digits (train)",
        rows=1437,
        sample=Sample(row=0, label="0"),
        layers=layers,
        intact=Outcome(accuracy=0.99, loss=0.05),
        classes=tuple(
            ClassReport(
                label=str(label),
                rows=5,
                mean_gate_difference=tuple(values(width, -0.5) for width in widths),
            )
            for label in range(classes)
        ),
        joint_lesions=tuple(
            JointLesion(closed=tuple(range(1, k + 1)), accuracy=0.5, loss=0.05 + k)
            for k in range(len(widths) + 1)
        ),
        estimation=tuple(
            LayerEstimation(
                layer=layer,
                stage=number,
                mean=1.0,
                spread=2.0,
                relative_mean=random.random(),
                relative_spread=random.random(),
            )
            for number, stage in enumerate(stages, start=1)
            for layer in stage
            if len(stage) > 1
        ),
        reorderings=Reorderings(
            intact=outcome(),
            swapped=tuple(reordering(*pair) for stage in stages for pair in pairwise(stage)),
            drawn_rows=1437,
            drawn_intact=outcome(),
            shuffled=tuple(reordering(*range(len(widths), 0, -1)) for _ in range(DRAWS)),
            dropped=tuple(
                reordering(*range(1, count + 1))
                for count in range(1, len(widths))
                for _ in range(DRAWS)
            ),
        ),
    )


def drawn(name: str, gates: GateReport) -> Figure:
    with drawing_settings():
        figure = PICTURES[name](gates)
        figure.draw_without_rendering()
    return figure
