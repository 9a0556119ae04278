"""Reduced networks as run directories of their own, until one of them is taken."""

import shutil
from dataclasses import replace

from models.data.dataset import Dataset
from models.directory import write_whole
from models.errors import DivergedError
from models.evaluation import evaluate
from models.gates.record import record_gates
from models.pruning.ledger import PRUNING, Plan
from models.pruning.reduction import Reduced
from models.recipe import TrainConfig
from models.run import CONFIG, WEIGHTS, Run

FOLDER = "attempts"
FINETUNE_RATE = 0.3  # of the training's own learning rate, unless the plan names one


def finetuned(out: Run, smaller: Reduced, dataset: Dataset, plan: Plan, count: int) -> Run | None:
    """Fine-tune the network without `count` layers; None where its loss is no longer a number.

    What an interrupted pruning has left of it is gone on with.
    """
    from models.training.trainer import train  # imports Lightning, which takes seconds

    assert smaller.config.pruning is not None
    training = finetuning(smaller.config.pruning.trained, plan)
    config = replace(smaller.config, training=training)
    path = out.path / FOLDER / f"{count}-removed"
    run = Run(path)
    if not (path / CONFIG).is_file():
        shutil.rmtree(path, ignore_errors=True)  # interrupted before its configuration was whole
        run = Run.create(path, config)
    if not run.finished:
        try:
            train(run, config, dataset, start=smaller.network)
        except DivergedError:
            return None
    return run


def finetuning(training: TrainConfig, plan: Plan) -> TrainConfig:
    """Return the recipe of the fine-tuning: the training's own, short, gentle, on one cycle.

    It is done on the CPU, which has no 16-bit floats to train with.
    """
    return replace(
        training,
        epochs=plan.finetune_epochs,
        learning_rate=plan.learning_rate or FINETUNE_RATE * training.learning_rate,
        schedule="one-cycle",
        patience=None,
        precision="32-true" if training.precision == "16-mixed" else training.precision,
    )


def as_it_is(out: Run, smaller: Reduced, dataset: Dataset, count: int) -> Run:
    """Write the network without `count` layers as a finished run, its weights as they are."""
    path = out.path / FOLDER / f"{count}-removed-as-it-is"
    shutil.rmtree(path, ignore_errors=True)  # half of it, from an interrupted pruning
    run = Run.create(path, smaller.config)
    test = evaluate(smaller.network, dataset.test)
    run.append_metrics(
        test_rows=test.rows,
        test_accuracy=round(test.accuracy, 6),
        test_loss=round(test.loss, 6),
        parameters=smaller.network.parameter_count(),
    )
    run.finish(smaller.network, record_gates(smaller.network, dataset))
    return run


def forget(out: Run) -> None:
    """Remove what a pruning that came to nothing has left, and the directory if that was all."""
    forget_attempts(out)
    (out.path / PRUNING).unlink(missing_ok=True)
    if not any(out.path.iterdir()):
        out.path.rmdir()


def forget_attempts(out: Run) -> None:
    """Remove all attempts, of which none may be wanted any more."""
    shutil.rmtree(out.path / FOLDER, ignore_errors=True)


def take(attempt: Run, out: Run) -> None:
    """Make the files of `attempt` those of `out`, its weights last, and forget all attempts."""
    for path in attempt.path.iterdir():
        if path.is_dir():
            shutil.copytree(path, out.path / path.name, dirs_exist_ok=True)
        elif path.name != WEIGHTS:
            shutil.copy2(path, out.path / path.name)
    write_whole(out.path / WEIGHTS, (attempt.path / WEIGHTS).read_bytes())
    forget_attempts(out)
