"""Layers of a stage refine one estimate (Greff, Srivastava, Schmidhuber 2016, arXiv 1612.07771).

The estimation error of a layer is its output minus that of its stage's last layer. If layers refine
one estimate, the error has a mean near 0, its spread shrinks from layer to layer, and layers can be
exchanged at little cost. A plain network cannot do that.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

from models.gates.curves import draw_refinement, draw_reordering
from models.gates.outcomes import Outcome
from models.gates.reordering import Reorderings, reordering_work, reorderings
from models.gates.report import GateReport, numbered_reorderings
from models.gates.stages import layer_stages
from models.networks.network import HighwayClassifier
from models.reproduction.accuracy import CONV_16
from models.reproduction.accuracy import planned as planned_convolutional
from models.reproduction.experiment import Task
from models.reproduction.findings import Comparison, Findings, Picture
from models.reproduction.gates import report_of
from models.reproduction.networks import DEPTH, dense

PLAIN = "plain"
SHALLOW = 10  # layers of a plain network that trains well, and of a highway network beside it


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A network with gates: its name, and what was measured on the test rows."""

    name: str
    report: GateReport
    reordered: Reorderings


def reproduce_refinement(task: Task, deep: int = DEPTH, shallow: int = SHALLOW) -> Findings:
    """Measure dense networks, a plain one among them, and a convolutional one on the test rows."""
    wanted = [(deep, False), (shallow, False), (shallow, True)]
    planned = [dense(task, depth, plain=plain) for depth, plain in wanted]
    network, *others = (run.network() for run in task.trainings.scored(planned))
    measured = [
        _measured(task, f"dense, {deep} layers", network),
        _measured(task, "convolutional", _convolutional(task)),
    ]
    names = (f"dense, {shallow} layers", f"{PLAIN}, {shallow} layers")
    orders = {each.name: each.reordered for each in measured} | {
        name: _reordered(task, other) for name, other in zip(names, others, strict=True)
    }
    rows = [row for each in measured for row in _error_rows(each)]
    rows += [row for name, each in orders.items() for row in _order_rows(name, each)]
    return Findings(
        comparisons=tuple(rows),
        notes=(
            f"Measured on the {len(task.trainings.dataset.test):,} test rows. The paper draws "
            "these quantities for other networks and gives no numbers.",
        ),
        numbers={
            "estimation": {
                each.name: [asdict(layer) for layer in each.report.estimation] for each in measured
            },
            "reordering": {name: asdict(each) for name, each in orders.items()},
        },
        pictures={
            f"{kind}_{word}": Picture(caption=f"{caption}, {name}.", draw=partial(draw, report))
            for word, name, report in (
                ("dense", measured[0].name, measured[0].report),
                ("convolutional", measured[1].name, measured[1].report),
            )
            for kind, caption, draw in (
                ("refinement", "Estimation error by layer", draw_refinement),
                ("reordering", "Layers swapped, shuffled and dropped", draw_reordering),
            )
        },
    )


def _convolutional(task: Task) -> HighwayClassifier:
    """Return the first network of `mnist-conv-16`, which has no validation rows."""
    source = replace(task.trainings.source, validation_share=0.0)
    one = replace(task, effort=replace(task.effort, seeds=1))
    [run] = replace(task.trainings, source=source).scored(planned_convolutional(CONV_16, one))
    return run.network()


def _measured(task: Task, name: str, network: HighwayClassifier) -> Measured:
    report = report_of(task, network, "test", name)
    assert report.reorderings is not None  # missing only in files of earlier versions
    return Measured(name=name, report=report, reordered=report.reorderings)


def _reordered(task: Task, network: HighwayClassifier) -> Reorderings:
    """Reorder the layers, counted from 1, of a network that may be plain."""
    test = task.trainings.dataset.test
    bar = task.bar("other orders", reordering_work(network, len(test)))
    numbers = range(1, 1 + sum(map(len, layer_stages(network))))
    return numbered_reorderings(reorderings(network, test, bar), numbers)


def _error_rows(measured: Measured) -> list[Comparison]:
    layers = measured.report.estimation
    spreads = {
        stage: [layer.relative_spread or 0.0 for layer in layers if layer.stage == stage]
        for stage in sorted({layer.stage for layer in layers})
    }
    return [
        Comparison(
            quantity=f"{measured.name}: largest mean error ÷ spread of the stage's last output",
            paper="near 0",
            here=f"{max(layer.relative_mean or 0.0 for layer in layers):.3f}",
        ),
        Comparison(
            quantity=f"{measured.name}: spread of the error ÷ spread of the last output, first "
            "layer → last but one, by stage",
            paper="falls",
            here="; ".join(map(fall, spreads.values())),
        ),
    ]


def fall(spreads: Sequence[float]) -> str:
    """Return the first and the last but one, which in a stage of two layers is the same."""
    ends = [spreads[0], spreads[-2]][: len(spreads) - 1]
    return " → ".join(f"{spread:.2f}" for spread in ends)


def _order_rows(name: str, orders: Reorderings) -> list[Comparison]:
    swapped = _costs(orders.intact, orders.swapped)
    shuffled = _costs(orders.drawn_intact, orders.shuffled)
    paper = "–" if name.startswith(PLAIN) else "little"
    return [
        Comparison(
            quantity=f"{name}: accuracy lost by swapping two neighbours, mean / largest, points",
            paper=paper,
            here=f"{_mean(swapped):.2f} / {max(swapped):.2f}",
        ),
        Comparison(
            quantity=f"{name}: accuracy lost by shuffling every stage, mean, points",
            paper=paper,
            here=f"{_mean(shuffled):.1f}",
        ),
    ]


def _costs(intact: Outcome, changed: Sequence[Outcome]) -> list[float]:
    """Return the points of accuracy that each change costs; 0 of no change."""
    return [100 * (intact.accuracy - outcome.accuracy) for outcome in changed] or [0.0]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
