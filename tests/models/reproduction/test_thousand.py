import json
from pathlib import Path

import pytest

from models.reproduction.experiment import Effort
from models.reproduction.findings import Findings
from models.reproduction.thousand import network, reproduce_thousand
from models.run import Run
from tests.models.reproduction.conftest import task, trainings


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("thousand")


@pytest.fixture(scope="module")
def findings(out: Path, images: Path) -> Findings:
    """Two seeds of twelve layers."""
    effort = Effort(seeds=2, epochs=1, precision="bf16-mixed")
    return reproduce_thousand(task(out, trainings(out, images), effort), depth=12)


def test_the_accuracy_of_each_seed_is_compared_with_the_goal(findings: Findings) -> None:
    tests = findings.numbers["tests"]
    assert [(c.quantity, c.here, c.goal) for c in findings.comparisons] == [
        (
            f"test accuracy with 12 layers, seed {seed}, %",
            f"{100 * tests[seed]['test_accuracy']:.2f}",
            "≥ 97",
        )
        for seed in (0, 1)
    ]
    assert [len(losses) for losses in findings.numbers["loss_by_epoch"].values()] == [1, 1]
    json.dumps(findings.numbers, allow_nan=False)


def test_epochs_seeds_and_precision_are_those_of_the_user(findings: Findings, out: Path) -> None:
    assert findings.comparisons
    configs = [Run(out / "runs/dense" / f"layers-12-seed-{seed}").config() for seed in (0, 1)]
    assert [config.training.seed for config in configs] == [0, 1]
    assert {config.training.epochs for config in configs} == {1}
    assert {config.training.precision for config in configs} == {"bf16-mixed"}
    assert len(configs[0].network.highway_blocks) == 11


def test_the_picture_has_one_curve_for_each_seed(findings: Findings) -> None:
    [axes] = findings.pictures["loss"].draw().axes
    assert axes.get_title() == "depth 12"
    assert [line.get_label() for line in axes.lines] == ["seed 0", "seed 1"]


def test_the_network_has_a_thousand_layers() -> None:
    chosen = network()
    assert (chosen.depth, chosen.activation) == (1000, "tanh")
    assert (chosen.training.batch_size, chosen.training.patience) == (500, None)
