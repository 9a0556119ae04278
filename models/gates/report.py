"""Gate report: the numbers behind the pictures of a network's gates, written to `gates.json`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from models.data.dataset import FloatRows, Part
from models.gates.estimation import LayerEstimation, estimation_errors
from models.gates.lesions import Lesions, joint_lesions, single_lesions
from models.gates.outcomes import Outcome
from models.gates.record import DECIMALS, rounded
from models.gates.reordering import Reordering, Reorderings, reorderings
from models.gates.statistics import MeanGates, RowGates, gate_biases, mean_unit_gates, row_gates
from models.networks.network import HighwayClassifier
from models.progress import OnProgress

Values = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One row whose gates and outputs are drawn: its index among the rows, and its label."""

    row: int
    label: str


@dataclass(frozen=True, kw_only=True)
class LayerReport:
    """One highway layer; tuples hold a number for each unit, or for each channel."""

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
    """Mean gates of one class minus those of all rows, for each layer; empty without rows."""

    label: str
    rows: int
    mean_gate_difference: tuple[Values, ...]


@dataclass(frozen=True, kw_only=True)
class JointLesion(Outcome):
    """Outcome with the layers of these numbers closed together."""

    closed: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class GateReport:
    """Content of `gates.json`; `joint_lesions` close the least useful layers, from none to all.

    `ties` are the numbers of the layers that are not distinguishable from the least useful one.
    `estimation` and `reorderings` name layers by their numbers too. `estimation` has the layers of
    all stages of at least two; both are empty in a file of an earlier version.
    """

    run: str
    rows_of: str
    rows: int
    sample: Sample
    layers: tuple[LayerReport, ...]
    intact: Outcome
    classes: tuple[ClassReport, ...]
    joint_lesions: tuple[JointLesion, ...]
    ties: tuple[int, ...] = ()
    estimation: tuple[LayerEstimation, ...] = ()
    reorderings: Reorderings | None = None


@dataclass(frozen=True, kw_only=True)
class Steps:
    """Progress callbacks, one for each part of the work."""

    means: OnProgress
    single: OnProgress
    joint: OnProgress
    estimation: OnProgress
    reordering: OnProgress


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
    """Measure a network with highway layers on the rows of `part`, at least one."""
    means = mean_unit_gates(network, part, steps.means)
    lesions = single_lesions(network, part, steps.single)
    order = lesions.least_useful_first()
    numbers = [block.number for block in network.config.highway_blocks]
    joint = joint_lesions(network, part, order, steps.joint)
    estimation = estimation_errors(network, part, steps.estimation)
    reordered = reorderings(network, part, steps.reordering)
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
                **asdict(_rounded_outcome(outcome)),
            )
            for count, outcome in enumerate(joint)
        ),
        ties=tuple(numbers[layer] for layer in lesions.ties),
        estimation=tuple(_numbered_estimation(layer, numbers) for layer in estimation),
        reorderings=numbered_reorderings(reordered, numbers),
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
            gate_bias_after=rounded(biases[layer]),
            mean_gate=rounded(means.overall[layer]),
            openness=round(float(means.overall[layer].mean()), DECIMALS),
            sample_gate=rounded(sample.gates[layer]),
            sample_output=rounded(sample.outputs[layer]),
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
            mean_gate_difference=tuple(rounded(layer[index]) for layer in differences if rows),
        )
        for index, (label, rows) in enumerate(zip(labels, means.class_rows, strict=True))
    )


def _numbered_estimation(layer: LayerEstimation, numbers: list[int]) -> LayerEstimation:
    mean, spread = layer.relative_mean, layer.relative_spread
    return LayerEstimation(
        layer=numbers[layer.layer],
        stage=layer.stage,
        mean=round(layer.mean, DECIMALS),
        spread=round(layer.spread, DECIMALS),
        relative_mean=None if mean is None else round(mean, DECIMALS),
        relative_spread=None if spread is None else round(spread, DECIMALS),
    )


def numbered_reorderings(found: Reorderings, numbers: Sequence[int]) -> Reorderings:
    """Return the outcomes rounded, with the layers' numbers instead of their positions."""

    def numbered(outcomes: tuple[Reordering, ...]) -> tuple[Reordering, ...]:
        return tuple(
            Reordering(
                layers=tuple(numbers[layer] for layer in outcome.layers),
                **asdict(_rounded_outcome(outcome)),
            )
            for outcome in outcomes
        )

    return replace(
        found,
        intact=_rounded_outcome(found.intact),
        drawn_intact=_rounded_outcome(found.drawn_intact),
        swapped=numbered(found.swapped),
        shuffled=numbered(found.shuffled),
        dropped=numbered(found.dropped),
    )


def _rounded_outcome(outcome: Outcome) -> Outcome:
    low, high = outcome.change
    return Outcome(
        accuracy=round(outcome.accuracy, DECIMALS),
        loss=round(outcome.loss, DECIMALS),
        change=(round(low, DECIMALS), round(high, DECIMALS)),
    )
