import json
from pathlib import Path

import numpy as np
import pytest

from models.errors import DivergedError
from models.networks.network import HighwayClassifier
from models.networks.preparation import Standardise
from models.reproduction.accuracy import (
    CONV_16,
    CONV_32,
    Published,
    planned,
    recipe,
    reproduce_accuracy,
)
from models.reproduction.experiment import Effort
from models.reproduction.findings import Findings
from models.run import Run
from tests.models.reproduction.conftest import task, trainings


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory, images: Path) -> Findings:
    """Two seeds of one epoch."""
    out = tmp_path_factory.mktemp("accuracy")
    of = trainings(out, images, validation_share=0.0)
    return reproduce_accuracy(CONV_16, task(out / "conv", of, Effort(seeds=2, epochs=1)))


def test_the_accuracies_of_all_seeds_are_compared_with_table_1(findings: Findings) -> None:
    one, other = findings.numbers["accuracy"]
    spread = abs(one - other) / 2**0.5  # of a sample of two
    shown = {comparison.quantity: comparison for comparison in findings.comparisons}
    assert shown["parameters"].paper == "38,986"
    mean = shown["test accuracy, mean ± spread of 2 seeds, %"]
    assert mean.here == f"{(one + other) / 2:.3f} ± {spread:.3f}"
    assert (mean.paper, mean.goal) == ("99.40 ± 0.03", "≥ 99.45")
    assert shown["test accuracy, best seed, %"].here == f"{max(one, other):.2f}"
    assert (shown["epochs"].paper, shown["epochs"].here) == ("300", "1")
    assert [len(losses) for losses in findings.numbers["train_loss"]] == [1, 1]
    json.dumps(findings.numbers, allow_nan=False)


def test_the_picture_has_one_mark_for_each_seed(findings: Findings) -> None:
    [axes] = findings.pictures["accuracy"].draw().axes
    marks = axes.lines[1]
    assert np.asarray(marks.get_xdata()).tolist() == findings.numbers["accuracy"]
    assert np.asarray(marks.get_ydata()).tolist() == [0, 1]


def test_the_seeds_count_from_zero(tmp_path: Path, images: Path) -> None:
    of = trainings(tmp_path, images)
    plans = planned(CONV_16, task(tmp_path, of, Effort()))
    assert [plan.name for plan in plans] == [f"mnist-conv-16/seed-{n}" for n in range(5)]
    assert [plan.preset.training.seed for plan in plans] == [0, 1, 2, 3, 4]
    assert {plan.preset.training.epochs for plan in plans} == {CONV_16.epochs}
    effort = Effort(seeds=1, epochs=2, precision="32-true")
    [plan] = planned(CONV_16, task(tmp_path, of, effort))
    assert (plan.preset.training.epochs, plan.preset.training.precision) == (2, "32-true")


@pytest.mark.parametrize("published", [CONV_16, CONV_32], ids=["16", "32"])
def test_the_networks_have_the_parameters_of_table_1(published: Published) -> None:
    chosen = recipe(published)
    network = chosen.network(shape=(28, 28), classes=10, preparation=Standardise())
    assert HighwayClassifier(network).parameter_count() == published.parameters


def test_the_recipe_trains_on_all_images_and_keeps_the_last_epoch() -> None:
    training = recipe(CONV_16).training
    assert (training.keep, training.patience, training.precision) == ("last", None, "bf16-mixed")


def test_a_diverged_seed_is_a_sentence(tmp_path: Path, images: Path) -> None:
    of = trainings(tmp_path, images)
    one = task(tmp_path, of, Effort(seeds=1))
    [plan] = planned(CONV_16, one)
    run = Run.create(of.run(plan).path, of.config(plan))
    (run.path / "diverged.txt").write_text("epoch 1: expected a finite loss, found nan\n")
    with pytest.raises(DivergedError) as error:
        reproduce_accuracy(CONV_16, one)
    assert str(error.value) == (
        f"{run.path}: expected a trained network, found a training that diverged: epoch 1: "
        "expected a finite loss, found nan; give other data or another "
        "--precision, and another --out"
    )
