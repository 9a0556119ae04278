from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.__main__ import app
from models.data.source import KINDS
from models.errors import ModelsError
from models.networks.preparation import Scale
from models.presets import PRESETS
from models.run import Run
from tests.conftest import command


def test_training_ends_with_one_summary_line(tmp_path: Path) -> None:
    done = command("models", "train", "digits", "--out", tmp_path / "run", "--epochs", "1")
    assert done.returncode == 0
    assert done.stderr.strip() == ""
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"{tmp_path / 'run'}: dense-10 on digits, accuracy ")
    assert "on 180 rows (95 % interval" in line


def test_every_number_of_a_preset_can_be_changed(tmp_path: Path) -> None:
    done = command(
        *("models", "train", "digits", "--out", tmp_path / "run", "--preset", "mnist-conv-16"),
        *("--depth", "4", "--width", "3", "--activation", "tanh", "--gate-bias", "-2.5"),
        *("--dropout", "0", "--kernel", "5", "--gate-kernel", "1", "--epochs", "1"),
        *("--optimizer", "sgd", "--schedule", "steps", "--drop-epochs", "1,2"),
        *("--learning-rate", "0.02", "--momentum", "0.5", "--seed", "7", "--no-mirror"),
        *("--validation-share", "0.2"),
    )
    assert done.returncode == 0, done.stderr
    config = Run(tmp_path / "run").config()
    first, second = config.network.highway_blocks
    assert (first.width, first.activation, first.gate_bias) == (3, "tanh", -2.5)
    assert (second.kind, second.number) == ("highway-conv", 2)
    assert "dropout" not in {block.kind for block in config.network.blocks}
    training = config.training
    assert (training.schedule, training.drop_epochs, training.seed) == ("steps", (1, 2), 7)
    assert (training.learning_rate, training.momentum) == (0.02, 0.5)
    assert config.data.source.validation_share == 0.2
    assert config.preset == "custom"


def test_the_papers_recipe_trains_as_the_released_configuration_does(tmp_path: Path) -> None:
    done = command(
        *("models", "train", "digits", "--out", tmp_path / "run", "--preset", "mnist-conv-16"),
        *("--recipe", "papers", "--epochs", "1"),
    )
    assert done.returncode == 0, done.stderr
    config = Run(tmp_path / "run").config()
    assert config.preset == "mnist-conv-16-papers"
    assert config.network.preparation == Scale(divisor=256.0)
    assert config.training.drop_epochs == (100, 200)
    rates = [block.rate for block in config.network.blocks if block.kind == "dropout"]
    assert rates == [0.2, 0.3, 0.4, 0.5]


@pytest.mark.parametrize("bias", ["depth", "-2.96"])
def test_the_depth_rule_can_be_asked_for(tmp_path: Path, bias: str) -> None:
    done = command(
        *("models", "train", "digits", "--out", tmp_path / "run", "--depth", "50"),
        *("--width", "4", "--epochs", "1", "--gate-bias", bias),
    )
    assert done.returncode == 0, done.stderr
    blocks = Run(tmp_path / "run").config().network.highway_blocks
    assert {block.gate_bias for block in blocks} == {-2.96}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], f"DATA: expected {KINDS}, found nothing"),
        (["digits"], "--out: expected a new run directory to write, found nothing"),
        (
            ["digits", "--out", "x", "--preset", "big"],
            f"preset: expected one of {', '.join(PRESETS)}, found 'big'",
        ),
        (
            ["digits", "--out", "x", "--activation", "linear"],
            "--activation: expected 'relu', 'tanh', 'sigmoid', 'elu', 'gelu', 'silu' or "
            "'softplus', found 'linear'",
        ),
        (
            ["digits", "--out", "x", "--learning-rate", "nan"],
            "--learning-rate: expected a finite number, found nan",
        ),
        (
            ["digits", "--out", "x", "--gate-bias", "inf"],
            "--gate-bias: expected a finite number or 'depth', found 'inf'",
        ),
        (
            ["digits", "--out", "x", "--gate-bias", "closed"],
            "--gate-bias: expected a finite number or 'depth', found 'closed'",
        ),
        (
            ["digits", "--out", "x", "--drop-epochs", "10;20"],
            "--drop-epochs: expected epochs such as 100,200, found '10;20'",
        ),
        (
            ["digits", "--out", "x", "--recipe", "mine"],
            "--recipe: expected default or papers, found 'mine'",
        ),
        (
            ["digits", "--out", "x", "--recipe", "papers"],
            "--recipe papers: expected a preset whose configuration the papers' authors released "
            "(mnist-conv-16, mnist-conv-32, cifar-19), found dense-10",
        ),
        (
            ["digits", "--out", "x", "--validation-share", "0.7"],
            "--validation-share: expected a number less than or equal to 0.5, found 0.7",
        ),
        (
            ["digits", "--out", "x", "--target", "age"],
            "--target: expected only with a table, found data 'digits'; leave it out",
        ),
    ],
)
def test_a_wrong_word_is_one_sentence(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["train", *arguments])
    assert isinstance(result.exception, ModelsError)  # which main() makes exit code 1
    assert str(result.exception) == message
    assert not Path("x").exists()


def test_machines_that_do_not_know_their_place_are_refused_instead_of_waiting() -> None:
    result = CliRunner().invoke(app, ["train", "digits", "--out", "x", "--nodes", "2"])
    assert str(result.exception) == (
        "--nodes: expected NODE_RANK, MASTER_ADDR, MASTER_PORT to be set, found no NODE_RANK and "
        "no MASTER_ADDR and no MASTER_PORT"
    )
