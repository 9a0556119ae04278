"""Accuracy of the convolutional networks of Table 1 on MNIST, over several seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from models.presets import Preset, preset
from models.reproduction.experiment import Task
from models.reproduction.findings import Comparison, Findings, Picture
from models.reproduction.halving import training_losses
from models.reproduction.trainings import Training, training_seconds

SEEDS = 5
HERE, PAPER = "#2f81f7", "#d9622b"


@dataclass(frozen=True, kw_only=True)
class Published:
    """A row of Table 1: accuracies in percent, over five runs; `goal` is ours for the mean."""

    preset: str
    parameters: int
    mean: float
    spread: float
    best: float
    goal: float
    epochs: int  # here, by default


CONV_16 = Published(
    preset="mnist-conv-16",
    parameters=38_986,
    mean=99.40,
    spread=0.03,
    best=99.43,
    goal=99.45,
    epochs=30,
)
CONV_32 = Published(
    preset="mnist-conv-32",
    parameters=151_690,
    mean=99.54,
    spread=0.02,
    best=99.55,
    goal=99.56,
    epochs=15,
)


def recipe(published: Published) -> Preset:
    """Return the preset with the recipe of this experiment.

    Like the authors it trains on all training images and keeps the last epoch. Dropout and the
    random changes to images were chosen by the validation loss of trainings of ten epochs on 54,000
    images (docs/papers/README.md). In bfloat16 an epoch takes half of the time.
    """
    chosen = preset(published.preset)
    training = replace(
        chosen.training,
        epochs=published.epochs,
        rotate_degrees=10.0,
        scale=0.1,
        precision="bf16-mixed",
        keep="last",
        patience=None,
    )
    return replace(chosen, dropout=0.1, training=training)


def planned(published: Published, task: Task) -> list[Training]:
    """Return the trainings, one for each seed from 0."""
    chosen = task.effort.applied(recipe(published))
    return [
        Training(
            name=f"{published.preset}/seed-{seed}",
            preset=replace(chosen, training=replace(chosen.training, seed=seed)),
            preset_name=published.preset,
        )
        for seed in range(task.effort.seeds or SEEDS)
    ]


def reproduce_accuracy(published: Published, task: Task) -> Findings:
    """Train one network per seed, and compare their test accuracies with the paper's."""
    runs = task.trainings.scored(planned(published, task))
    tests = [run.metrics()[-1] for run in runs]
    accuracies = [100 * line["test_accuracy"] for line in tests]
    parameters = int(tests[0]["parameters"])
    rows = (
        Comparison(
            quantity="parameters", paper=f"{published.parameters:,}", here=f"{parameters:,}"
        ),
        Comparison(
            quantity=f"test accuracy, mean ± spread of {len(runs)} seeds, %"
            if len(runs) > 1
            else "test accuracy of one seed, %",
            paper=f"{published.mean:.2f} ± {published.spread:.2f}",
            here=_mean_and_spread(accuracies),
            goal=f"≥ {published.goal:.2f}",
        ),
        Comparison(
            quantity="test accuracy, best seed, %",
            paper=f"{published.best:.2f}",
            here=f"{max(accuracies):.2f}",
        ),
        Comparison(
            quantity="epochs", paper="300", here=str(sum("epoch" in x for x in runs[0].metrics()))
        ),
    )
    return Findings(
        comparisons=rows,
        numbers={
            "accuracy": accuracies,
            "test_loss": [line["test_loss"] for line in tests],
            "minutes": [round(training_seconds(run) / 60, 1) for run in runs],
            "train_loss": [list(training_losses(run)) for run in runs],
        },
        pictures={
            "accuracy": Picture(
                caption="Test accuracy of each seed, and mean ± spread of the paper.",
                draw=partial(_figure, published, accuracies),
            )
        },
    )


def _mean_and_spread(accuracies: Sequence[float]) -> str:
    """Return the mean and the standard deviation of several numbers, or the only one."""
    mean = float(np.mean(accuracies))
    if len(accuracies) == 1:
        return f"{mean:.2f}"
    return f"{mean:.3f} ± {float(np.std(accuracies, ddof=1)):.3f}"


def _figure(published: Published, accuracies: Sequence[float]) -> Figure:
    """Draw one mark per seed beside the paper's mean and spread."""
    figure = Figure(figsize=(8, 2.2), layout="constrained")
    axes = figure.subplots()
    axes.axvspan(
        published.mean - published.spread, published.mean + published.spread, color=PAPER, alpha=0.2
    )
    axes.axvline(published.mean, color=PAPER, label="paper: mean ± spread of five runs")
    axes.plot(accuracies, range(len(accuracies)), "o", color=HERE, label="here: one mark per seed")
    axes.axvline(float(np.mean(accuracies)), color=HERE, linestyle="--", label="here: mean")
    axes.set_xlabel("test accuracy, %")
    axes.set_ylabel("seed")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_ylim(-0.5, len(accuracies) - 0.5)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure
