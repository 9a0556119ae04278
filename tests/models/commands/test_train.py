from pathlib import Path

import pytest

from models.data.source import KINDS
from models.networks.preparation import Scale
from models.presets import PRESETS
from models.run import Run
from tests.conftest import command, command_process
from tests.models.commands.conftest import refused


def test_training_prints_its_scores_and_what_to_do_next(tmp_path: Path) -> None:
    run = tmp_path / "a run"
    done = command_process("models", "train", "digits", "--out", run, "--epochs", "2")
    assert done.returncode == 0
    assert done.stderr.startswith(
        "digits: 1797 rows of images of 8×8, brightness 0 to 16\nlabels: "
    )
    scores, following = done.stdout.splitlines()
    assert scores.startswith(f"{run}: dense-10 on digits, accuracy ")
    assert "on 180 rows (95 % interval" in scores
    assert following.startswith(f"the run is in {run}; next: ")
    assert f" -m models evaluate '{run}'  or  " in following
    assert following.endswith(f" -m export export '{run}' model.onnx")
    assert done.stderr.splitlines()[-1].startswith("epoch 2/2  loss ")


def test_a_label_that_is_never_predicted_is_a_warning(tmp_path: Path) -> None:
    data = tmp_path / "t.csv"
    lines = [f"{n % 7},{'rare' if n % 20 == 0 else 'usual'}" for n in range(400)]
    data.write_text("\n".join(["a,b", *lines]))
    arguments = (data, "--target", "b", "--epochs", "10", "--depth", "3", "--width", "4")
    done = command("models", "train", *arguments, "--out", tmp_path / "run")
    assert "warning: never predicted on validation or test rows: 'rare'; try " in done.stderr
    assert "warning: the accuracy is not certainly above 95.00%, that of always" in done.stderr
    weighted = (*arguments, "--class-weight", "balanced", "--threads", "1")
    done = command("models", "train", *weighted, "--out", tmp_path / "weighted")
    assert done.returncode == 0, done.stderr
    training = Run(tmp_path / "weighted").config().training
    assert (training.class_weight, training.threads) == ("balanced", 1)


@pytest.mark.parametrize("option", [("--patience", "3"), ("--keep", "best")])
def test_options_of_validation_need_validation_rows(
    tmp_path: Path, option: tuple[str, str]
) -> None:
    arguments = ("digits", "--validation-share", "0", "--out", tmp_path / "run", *option)
    name = " ".join(option) if option[0] == "--keep" else option[0]
    assert refused("train", *arguments) == (
        f"{name}: needs validation rows; set --validation-share to a number above 0"
    )
    assert not (tmp_path / "run").exists()


def test_every_number_of_a_preset_can_be_changed(tmp_path: Path) -> None:
    done = command(
        *("models", "train", "digits", "--out", tmp_path / "run", "--preset", "mnist-conv-16"),
        *("--depth", "4", "--width", "3", "--activation", "tanh", "--gate-bias", "-2.5"),
        *("--dropout", "0", "--kernel", "5", "--gate-kernel", "1", "--epochs", "1"),
        *("--optimizer", "sgd", "--schedule", "steps", "--drop-epochs", "1,2"),
        *("--learning-rate", "0.02", "--momentum", "0.5", "--seed", "7", "--no-flip"),
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


def test_the_papers_recipe_is_the_released_configuration(tmp_path: Path) -> None:
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
def test_the_gate_bias_can_depend_on_the_depth(tmp_path: Path, bias: str) -> None:
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
        (["digits"], "--out: missing; give a new run directory to write"),
        (["--out", "x"], f"DATA: missing; give {KINDS}"),
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
            "--recipe papers: expected a preset with a configuration released by the papers' "
            "authors (mnist-conv-16, mnist-conv-32, cifar-19), found dense-10",
        ),
        (
            ["digits", "--out", "x", "--validation-share", "0.7"],
            "--validation-share: expected a number less than or equal to 0.5, found 0.7",
        ),
        (
            ["digits", "--out", "x", "--target", "age"],
            "--target: data 'digits' is not a table; leave the option out",
        ),
    ],
)
def test_invalid_options_are_refused(arguments: list[str], message: str) -> None:
    assert refused("train", *arguments) == message
    assert not Path("x").exists()


def test_several_machines_need_their_environment_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)  # a training in this process may have set them
    assert refused("train", "digits", "--out", "x", "--nodes", "2") == (
        "--nodes: set the environment variables NODE_RANK, MASTER_ADDR, MASTER_PORT"
    )
