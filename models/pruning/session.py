"""One pruning from start to end, or resumed where it was interrupted."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from models.data.dataset import Dataset
from models.errors import ConfigError, ModelsError, RunError
from models.evaluation import evaluate
from models.gates.lesions import joint_lesions
from models.intervals import accuracy_interval
from models.networks.network import HighwayClassifier
from models.progress import OnProgress
from models.pruning.attempts import Reduced, accept, fine_tune, keep_weights, reduced
from models.pruning.cost import Cost, costs
from models.pruning.order import bisect, most_without_finetuning, removal_order
from models.pruning.record import (
    Attempt,
    Measurement,
    Order,
    Plan,
    PruningRecord,
    Result,
    read_record,
    write_record,
)
from models.run import Run
from models.run_config import RunConfig

ORDER_ROWS = 4000  # training rows on which the order is determined
ROUNDING = 1e-9  # tolerance for accuracies, which are fractions of the same rows

Bar = Callable[[str, int], AbstractContextManager[OnProgress]]  # of a description and a total
OnAttempt = Callable[[Attempt], None]


class NothingToPruneError(ModelsError):
    """No layer can be removed within the budget."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The trained network to prune, its data, and the lowest accepted validation accuracy."""

    network: HighwayClassifier
    config: RunConfig
    dataset: Dataset
    min_accuracy: float

    @classmethod
    def of(cls, run: Run, plan: Plan) -> "Subject":
        """Load a run; a `ConfigError` if it cannot be pruned by this plan.

        `min_accuracy` is above 0 for any budget, so a network without a correct label is rejected.
        """
        config = run.config()
        layers = len(config.gate_layers)
        if layers < 2:
            raise ConfigError(
                f"{run.path}: pruning needs a network with at least two highway layers, found "
                f"{layers}"
            )
        if plan.keep_layers is not None and plan.keep_layers >= layers:
            raise ConfigError(
                f"--keep-layers: expected 1 to {layers - 1}, fewer than the network has, found "
                f"{plan.keep_layers}"
            )
        network, dataset = run.network(), run.dataset(config, plan.data)
        if not len(dataset.validation):
            raise ConfigError(
                f"{run.path}: pruning needs validation rows; train with --validation-share above 0"
            )
        accuracy = evaluate(network, dataset.validation).accuracy
        return cls(
            network=network,
            config=config,
            dataset=dataset,
            min_accuracy=max(accuracy - plan.max_accuracy_drop / 100 - ROUNDING, ROUNDING),
        )

    def without(self, layers: tuple[int, ...]) -> Reduced:
        """Return the network without the layers of these numbers."""
        return reduced(self.network, self.config, self.dataset, layers)


def prune(out: Run, bar: Bar, on_attempt: OnAttempt) -> Result:
    """Run the plan in `out`, and call `on_attempt` after each attempt.

    Raises `NothingToPruneError` if no layer can be removed within the budget.
    """
    record = read_record(out)
    if record.result is not None and out.finished:
        return record.result
    run = Run(Path(record.plan.run))
    subject = Subject.of(run, record.plan)
    if record.plan.weights not in (None, run.weights_digest()):
        raise RunError(
            f"{run.path}: the weights have changed since this pruning started; start it again "
            "with another --out"
        )
    order = record.order
    if order is None:
        order = _order(subject, bar)
        record = replace(record, order=order)
        write_record(out, record)
    removable = most_without_finetuning(order.accuracy, subject.min_accuracy)
    if record.plan.keep_layers is not None:
        removable = len(subject.network.config.highway_blocks) - record.plan.keep_layers
    for attempt in _attempts(out, subject, record, order, removable):
        if attempt not in record.attempts:
            record = replace(record, attempts=(*record.attempts, attempt))
            write_record(out, record)
        on_attempt(attempt)
    return _conclude(out, subject, record, order, removable)


def _order(subject: Subject, bar: Bar) -> Order:
    network, validation = subject.network, subject.dataset.validation
    blocks = network.config.highway_blocks
    with bar("order of the layers", len(blocks) - 1) as on_progress:
        order = removal_order(network, subject.dataset.train.take(slice(ORDER_ROWS)), on_progress)
    with bar("layers closed together", len(blocks) * len(validation)) as on_progress:
        joint = joint_lesions(network, validation, order, on_progress)
    return Order(
        layers=tuple(blocks[layer].number for layer in order),
        accuracy=tuple(outcome.accuracy for outcome in joint),
        loss=tuple(outcome.loss for outcome in joint),
    )


def _attempts(
    out: Run, subject: Subject, record: PruningRecord, order: Order, removable: int
) -> Iterator[Attempt]:
    """Yield the attempts of the bisection; those in the record are not repeated."""
    plan, layers = record.plan, order.layers
    if not plan.finetune_epochs:
        return
    known = {attempt.removed: attempt.accuracy for attempt in record.attempts}

    def measure(count: int) -> float:
        if count in known:
            return known[count]
        run = fine_tune(out, subject.without(layers[:count]), subject.dataset, plan, count)
        return evaluate(run.network(), subject.dataset.validation).accuracy if run else 0.0

    def attempt(count: int, accuracy: float, within: bool) -> Attempt:
        interval = accuracy_interval(accuracy, len(subject.dataset.validation))
        return Attempt(removed=count, accuracy=accuracy, within=within, interval=interval)

    if plan.keep_layers is not None:
        yield attempt(removable, measure(removable), within=True)
        return
    # From `removable` − 1, so that `removable` layers are removed and fine-tuned too.
    for count, accuracy in bisect(
        max(removable - 1, 0), len(layers), subject.min_accuracy, measure
    ):
        yield attempt(count, accuracy, within=accuracy >= subject.min_accuracy)


def _conclude(
    out: Run, subject: Subject, record: PruningRecord, order: Order, removable: int
) -> Result:
    """Accept the smallest network within the budget, and compare it with the original."""
    plan, dataset = record.plan, subject.dataset
    most = max((attempt.removed for attempt in record.attempts if attempt.within), default=0)
    use_finetuned = most >= max(removable, 1)
    count = most if use_finetuned else removable
    if count == 0:
        drop = (order.accuracy[0] - order.accuracy[1]) * 100
        raise NothingToPruneError(
            f"{plan.run}: no layer can be removed within {plan.max_accuracy_drop:g} points of "
            f"validation accuracy; closing layer {order.layers[0]}, the least useful, costs "
            f"{drop:.2f} points; increase --max-accuracy-drop or --finetune-epochs"
        )
    smaller = subject.without(order.layers[:count])
    tuned = fine_tune(out, smaller, dataset, plan, count) if use_finetuned else None
    attempt = tuned or keep_weights(out, smaller, dataset, count)
    config, network = attempt.config(), attempt.network()
    assert config.pruning is not None
    cost_before, cost_after = costs((subject.network, network), dataset.train.x)
    result = Result(
        removed=config.pruning.removed,
        constant_gates=config.pruning.constant_gates,
        dropped_units=config.pruning.dropped_units,
        finetuned=tuned is not None,
        before=_measure(subject.network, dataset, cost_before),
        after=_measure(network, dataset, cost_after),
    )
    write_record(out, replace(record, result=result))
    accept(attempt, out)
    return result


def _measure(network: HighwayClassifier, dataset: Dataset, cost: Cost) -> Measurement:
    return Measurement(
        cost=cost,
        validation=evaluate(network, dataset.validation),
        test=evaluate(network, dataset.test),
    )
