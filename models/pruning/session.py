"""One pruning from start to end, or on from where it was interrupted."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from models.data.dataset import Dataset
from models.errors import ConfigError, RunError
from models.evaluation import evaluate
from models.gates.lesions import joint_lesions
from models.gates.statistics import Step
from models.networks.network import HighwayClassifier
from models.pruning.attempts import as_it_is, finetuned, take
from models.pruning.cost import Cost, costs
from models.pruning.ledger import (
    Attempt,
    Ledger,
    Order,
    Plan,
    Result,
    Side,
    read_ledger,
    write_ledger,
)
from models.pruning.order import removal_order
from models.pruning.reduction import Reduced, reduced
from models.pruning.search import NothingToPruneError, bisect, most_without_finetuning
from models.run import Run
from models.run_config import RunConfig

ORDER_ROWS = 4000  # training rows on which the order is found
ROUNDING = 1e-9  # of accuracies, which are shares of the same rows

Bar = Callable[[str, int], AbstractContextManager[Step]]  # told what is done, and of how much
Told = Callable[[Attempt], None]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The trained network that is pruned, its data, and the accuracy that must be kept."""

    network: HighwayClassifier
    config: RunConfig
    dataset: Dataset
    allowed: float

    @classmethod
    def of(cls, run: Run, plan: Plan) -> "Subject":
        """Load a run; one that cannot be pruned, or not like that, is a `ConfigError`.

        However large the budget, a network that labels no row right is not within it.
        """
        config = run.config()
        if len(config.network.highway_blocks) < 2:
            raise ConfigError(
                f"{run.path}: expected a network of at least two highway layers, of which one "
                f"can go, found {len(config.network.highway_blocks)}"
            )
        most = len(config.network.highway_blocks) - 1
        if plan.keep_layers is not None and plan.keep_layers > most:
            raise ConfigError(
                f"--keep-layers: expected 1 to {most}, fewer than the network has, found "
                f"{plan.keep_layers}"
            )
        network, dataset = run.network(), run.dataset()
        if not len(dataset.validation):
            raise ConfigError(
                f"{run.path}: expected validation rows to decide on, found none; "
                "train with --validation-share above 0"
            )
        accuracy = evaluate(network, dataset.validation).accuracy
        return cls(
            network=network,
            config=config,
            dataset=dataset,
            allowed=max(accuracy - plan.max_accuracy_drop / 100 - ROUNDING, ROUNDING),
        )

    def without(self, layers: tuple[int, ...]) -> Reduced:
        """Return the network without the layers of these numbers."""
        return reduced(self.network, self.config, self.dataset, layers)


def prune(out: Run, bar: Bar, told: Told) -> Result:
    """Carry out the plan in `out`; `told` hears of each attempt.

    Raises `NothingToPruneError` where no layer can go within the budget.
    """
    ledger = read_ledger(out)
    if ledger.result is not None and out.finished:
        return ledger.result
    run = Run(Path(ledger.plan.run))
    subject = Subject.of(run, ledger.plan)
    if ledger.plan.weights not in (None, run.weights_digest()):
        raise RunError(
            f"{run.path}: expected the weights that this pruning began with, found others; begin "
            "again with another --out"
        )
    if ledger.order is None:
        ledger = replace(ledger, order=_order(subject, bar))
        write_ledger(out, ledger)
    assert ledger.order is not None
    free = _free(subject, ledger.plan, ledger.order)
    for attempt in _attempts(out, subject, ledger, free):
        if attempt not in ledger.attempts:
            ledger = replace(ledger, attempts=(*ledger.attempts, attempt))
            write_ledger(out, ledger)
        told(attempt)
    return _conclude(out, subject, ledger, free)


def _order(subject: Subject, bar: Bar) -> Order:
    network, validation = subject.network, subject.dataset.validation
    blocks = network.config.highway_blocks
    with bar("order of the layers", len(blocks) - 1) as step:
        order = removal_order(network, subject.dataset.train.take(slice(ORDER_ROWS)), step)
    with bar("layers closed together", len(blocks) * len(validation)) as step:
        joint = joint_lesions(network, validation, order, step)
    return Order(
        layers=tuple(blocks[layer].number for layer in order),
        accuracy=tuple(found.accuracy for found in joint),
        loss=tuple(found.loss for found in joint),
    )


def _free(subject: Subject, plan: Plan, order: Order) -> int:
    """Return how many layers can go without fine-tuning: within the budget, or as many as asked."""
    if plan.keep_layers is None:
        return most_without_finetuning(order.accuracy, subject.allowed)
    return len(subject.network.config.highway_blocks) - plan.keep_layers


def _attempts(out: Run, subject: Subject, ledger: Ledger, free: int) -> Iterator[Attempt]:
    """Yield the fine-tunings that the search asks for; those in the ledger are not repeated."""
    if not ledger.plan.finetune_epochs:
        return
    assert ledger.order is not None
    known = {attempt.removed: attempt.accuracy for attempt in ledger.attempts}
    layers = ledger.order.layers

    def measure(count: int) -> float:
        if count in known:
            return known[count]
        smaller = subject.without(layers[:count])
        run = finetuned(out, smaller, subject.dataset, ledger.plan, count)
        return evaluate(run.network(), subject.dataset.validation).accuracy if run else 0.0

    if ledger.plan.keep_layers is not None:
        yield Attempt(removed=free, accuracy=measure(free), within=True)
        return
    # What can go for nothing is fine-tuned too: it is the least that there will be.
    for count, accuracy in bisect(max(free - 1, 0), len(layers), subject.allowed, measure):
        yield Attempt(removed=count, accuracy=accuracy, within=accuracy >= subject.allowed)


def _conclude(out: Run, subject: Subject, ledger: Ledger, free: int) -> Result:
    """Take the smallest network within the budget, and compare it with the one before."""
    assert ledger.order is not None
    layers, dataset = ledger.order.layers, subject.dataset
    most = max((a.removed for a in ledger.attempts if a.within), default=0)
    finetuned_one = most >= max(free, 1)
    count = most if finetuned_one else free
    if count == 0:
        drop = (ledger.order.accuracy[0] - ledger.order.accuracy[1]) * 100
        raise NothingToPruneError(
            f"{ledger.plan.run}: nothing can go within {ledger.plan.max_accuracy_drop:g} points of "
            f"validation accuracy; closing layer {layers[0]} alone, which matters least, costs "
            f"{drop:.2f}; allow more with --max-accuracy-drop, or more --finetune-epochs"
        )
    smaller = subject.without(layers[:count])
    tuned = finetuned(out, smaller, dataset, ledger.plan, count) if finetuned_one else None
    attempt = tuned or as_it_is(out, smaller, dataset, count)
    config, network = attempt.config(), attempt.network()
    assert config.pruning is not None
    cost_before, cost_after = costs((subject.network, network), dataset.train.x)
    result = Result(
        removed=config.pruning.removed,
        constant_gates=config.pruning.constant_gates,
        dropped_units=config.pruning.dropped_units,
        finetuned=tuned is not None,
        before=_side(subject.network, dataset, cost_before),
        after=_side(network, dataset, cost_after),
    )
    write_ledger(out, replace(ledger, result=result))
    take(attempt, out)
    return result


def _side(network: HighwayClassifier, dataset: Dataset, cost: Cost) -> Side:
    return Side(
        cost=cost,
        validation=evaluate(network, dataset.validation),
        test=evaluate(network, dataset.test),
    )
