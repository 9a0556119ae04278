"""Attempts of a pruning: reduced networks, each in a run directory of its own."""

import shutil
from collections.abc import Collection
from dataclasses import dataclass, replace

from models.data.dataset import Dataset
from models.directory import write_atomically
from models.errors import DivergedError
from models.evaluation import evaluate
from models.gates.record import record_gates
from models.kept_rows import KeptRows
from models.networks.network import HighwayClassifier
from models.pruning.dead_units import drop_dead_units
from models.pruning.record import PRUNING, Plan
from models.pruning.surgery import find_constant_gates, fold_constant_gates, remove_layers
from models.recipe import TrainConfig
from models.run import CONFIG, WEIGHTS, Run
from models.run_config import Pruning, RunConfig

FOLDER = "attempts"
FINETUNE_RATE = 0.3  # default learning rate of fine-tuning, as a fraction of the training's


@dataclass(frozen=True, kw_only=True)
class Reduced:
    """A reduced network, and the configuration that rebuilds it."""

    network: HighwayClassifier
    config: RunConfig


def reduced(
    network: HighwayClassifier, config: RunConfig, dataset: Dataset, layers: Collection[int]
) -> Reduced:
    """Remove the layers of these numbers, then fold constant gates, then drop dead units.

    Gates and units are found on training rows, and removed only if the accuracy on validation rows
    does not fall.
    """
    blocks = network.config.highway_blocks
    indices = [index for index, block in enumerate(blocks) if block.number in layers]
    smaller, dropped = remove_layers(network, indices), 0
    gates = find_constant_gates(smaller, dataset.train)
    if gates:
        folded = fold_constant_gates(smaller, gates)
        if _is_as_accurate(folded, smaller, dataset):
            smaller = folded
    narrower, dead = drop_dead_units(smaller, dataset.train)
    if _is_as_accurate(narrower, smaller, dataset):
        smaller, dropped = narrower, dead
    before = config.pruning or Pruning(
        trained_layers=len(blocks),
        removed=(),
        constant_gates=(),
        dropped_units=0,
        trained=config.training,
    )
    pruning = replace(
        before,
        removed=tuple(sorted({*before.removed, *layers})),
        constant_gates=tuple(
            block.number for block in smaller.config.highway_blocks if block.constant_gate
        ),
        dropped_units=before.dropped_units + dropped,
    )
    return Reduced(network=smaller, config=replace(config, network=smaller.config, pruning=pruning))


def fine_tune(out: Run, smaller: Reduced, dataset: Dataset, plan: Plan, count: int) -> Run | None:
    """Fine-tune the network without `count` layers; None if its loss is not finite.

    An interrupted fine-tuning is resumed, a finished one is returned.
    """
    from models.training.trainer import train  # imports Lightning, which takes seconds

    assert smaller.config.pruning is not None
    training = finetune_config(smaller.config.pruning.trained, plan)
    config = replace(smaller.config, training=training)
    path = out.path / FOLDER / f"{count}-removed"
    run = Run(path)
    if not (path / CONFIG).is_file():
        shutil.rmtree(path, ignore_errors=True)  # interrupted before its configuration was written
        run = Run.create(path, config)
    if not run.finished:
        try:
            train(run, config, dataset, start=smaller.network)
        except DivergedError:
            return None
    return run


def finetune_config(training: TrainConfig, plan: Plan) -> TrainConfig:
    """Return the training's own settings with fewer epochs and a lower rate, on one cycle.

    Fine-tuning runs on the CPU, which cannot train in float16.
    """
    return replace(
        training,
        epochs=plan.finetune_epochs,
        learning_rate=plan.learning_rate or FINETUNE_RATE * training.learning_rate,
        schedule="one-cycle",
        patience=None,
        precision="32-true" if training.precision == "16-mixed" else training.precision,
    )


def keep_weights(out: Run, smaller: Reduced, dataset: Dataset, count: int) -> Run:
    """Write the network without `count` layers as a finished run, without fine-tuning."""
    path = out.path / FOLDER / f"{count}-removed-without-fine-tuning"
    shutil.rmtree(path, ignore_errors=True)  # incomplete, from an interrupted pruning
    run = Run.create(path, smaller.config)
    run.append_test_metrics(smaller.network, evaluate(smaller.network, dataset.test))
    run.finish(smaller.network, record_gates(smaller.network, dataset), KeptRows.of(dataset))
    return run


def discard(out: Run) -> None:
    """Remove the files of a pruning without a result, and the directory if it is then empty."""
    discard_attempts(out)
    (out.path / PRUNING).unlink(missing_ok=True)
    if not any(out.path.iterdir()):
        out.path.rmdir()


def discard_attempts(out: Run) -> None:
    """Remove the directories of all attempts."""
    shutil.rmtree(out.path / FOLDER, ignore_errors=True)


def accept(attempt: Run, out: Run) -> None:
    """Copy the files of `attempt` to `out`, the weights last, and remove all attempts."""
    others = shutil.ignore_patterns(WEIGHTS)
    shutil.copytree(attempt.path, out.path, ignore=others, dirs_exist_ok=True)
    write_atomically(out.path / WEIGHTS, (attempt.path / WEIGHTS).read_bytes())
    discard_attempts(out)


def _is_as_accurate(
    smaller: HighwayClassifier, network: HighwayClassifier, dataset: Dataset
) -> bool:
    rows = dataset.validation
    return evaluate(smaller, rows).accuracy >= evaluate(network, rows).accuracy
