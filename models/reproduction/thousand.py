"""A dense network of 1,000 layers on MNIST; the workshop paper trains 900 (arXiv 1505.00387)."""

from dataclasses import replace
from functools import partial

from models.presets import Preset, preset
from models.reproduction.curves import loss_curves
from models.reproduction.experiment import Task
from models.reproduction.findings import Comparison, Findings, Picture
from models.reproduction.halving import training_losses
from models.reproduction.trainings import Training

DEPTH = 1_000
GOAL = 97.0  # percent of the test rows


def network(depth: int = DEPTH) -> Preset:
    """Return the network and its training.

    Large batches, because a step with 500 rows takes much less than five times the time of 100.
    """
    chosen = preset("dense-100")
    training = replace(
        chosen.training,
        epochs=10,
        batch_size=500,
        learning_rate=3e-3,
        shift=1 / 28,
        rotate_degrees=10.0,
        scale=0.1,
        patience=None,
    )
    return replace(chosen, depth=depth, training=training)


def reproduce_thousand(task: Task, depth: int = DEPTH) -> Findings:
    """Train the network with each seed, one by default."""
    chosen = task.effort.applied(network(depth))
    planned = [
        Training(
            name=f"dense/layers-{depth}-seed-{seed}",
            preset=replace(chosen, training=replace(chosen.training, seed=seed)),
            preset_name="custom",
        )
        for seed in range(task.effort.seeds or 1)
    ]
    runs = task.trainings.scored(planned)
    tests = [run.metrics()[-1] for run in runs]
    curves = {f"seed {seed}": training_losses(run) for seed, run in enumerate(runs)}
    rows = [
        Comparison(
            quantity=f"test accuracy with {depth:,} layers, seed {seed}, %",
            paper="900 layers, no number",
            here=f"{100 * test['test_accuracy']:.2f}",
            goal=f"≥ {GOAL:g}",
        )
        for seed, test in enumerate(tests)
    ]
    return Findings(
        comparisons=tuple(rows),
        numbers={"tests": tests, "loss_by_epoch": curves},
        pictures={
            "loss": Picture(
                caption=f"Training loss of {depth:,} layers by epoch.",
                draw=partial(loss_curves, {f"depth {depth}": curves}),
            )
        },
    )
