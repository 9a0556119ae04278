"""Combinations of options: each takes effect, or is refused."""

from pathlib import Path

import pytest

from models.networks.blocks import DropoutBlock
from models.networks.preparation import Scale
from models.run import Run
from tests.models.commands.conftest import invoke, refused

QUICK = ("--epochs", "1", "--width", "2", "--depth", "4")


def trained(out: Path, *options: str) -> Run:
    result = invoke("train", "digits", "--out", out, *options)
    assert result.exit_code == 0, result.exception
    return Run(out)


def test_an_option_changes_the_papers_recipe(tmp_path: Path) -> None:
    options = ("--preset", "mnist-conv-16", "--recipe", "papers", "--dropout", "0.1", *QUICK)
    config = trained(tmp_path / "run", *options).config()
    rates = [block.rate for block in config.network.blocks if isinstance(block, DropoutBlock)]
    assert rates == [0.04, 0.06, 0.08, 0.1]
    assert config.network.preparation == Scale(divisor=256.0)
    assert (config.training.optimizer, config.training.epochs) == ("sgd", 1)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (("--epochs", "1", "--seed", "3"), "dense-10"),
        (("--epochs", "1", "--width", "50"), "dense-10"),
        (QUICK, "custom"),
        (
            ("--epochs", "1", "--preset", "mnist-conv-16", "--recipe", "papers"),
            "mnist-conv-16-papers",
        ),
    ],
)
def test_a_run_has_the_name_of_its_preset_unless_its_network_differs(
    tmp_path: Path, options: tuple[str, ...], name: str
) -> None:
    assert trained(tmp_path / "run", *options).config().preset == name


@pytest.mark.parametrize(
    ("options", "option", "need"),
    [
        (["--kernel", "3"], "--kernel", "a network with convolutions"),
        (["--gate-kernel", "3"], "--gate-kernel", "a network with convolutions"),
        (["--plain", "--gate-bias", "-3"], "--gate-bias", "a network with gates"),
        (["--momentum", "0.5"], "--momentum", "--optimizer sgd"),
        (["--drop-epochs", "3"], "--drop-epochs", "--schedule steps"),
        (["--drop-factor", "0.5"], "--drop-factor", "--schedule steps or exponential"),
    ],
)
def test_an_option_without_effect_is_refused(
    tmp_path: Path, options: list[str], option: str, need: str
) -> None:
    out = tmp_path / "run"
    assert refused("train", "digits", "--out", out, *options) == (
        f"{option}: has an effect only with {need}; leave it out"
    )
    assert not out.exists()


def test_the_schedule_steps_needs_its_epochs(tmp_path: Path) -> None:
    message = refused("train", "digits", "--out", tmp_path / "run", "--schedule", "steps")
    assert message == "--schedule steps: needs --drop-epochs"


@pytest.mark.parametrize(
    "options", [["--precision", "16-mixed"], ["--preset", "mnist-conv-16", "--kernel", "9"]]
)
def test_a_refused_training_writes_nothing(tmp_path: Path, table: Path, options: list[str]) -> None:
    assert refused("train", table, "--target", "b", "--out", tmp_path / "run", *options)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("option", ["--shift", "--rotate-degrees", "--scale"])
def test_augmentation_of_a_table_is_refused(tmp_path: Path, table: Path, option: str) -> None:
    out = tmp_path / "run"
    assert refused("train", table, "--target", "b", "--out", out, option, "0.1") == (
        f"{option}: has an effect only with images; leave it out"
    )


def test_other_data_are_read_with_the_declarations_of_the_run(tmp_path: Path) -> None:
    rows = [f"{n},000.5;{'-' if n % 7 == 0 else n};{n % 2}" for n in range(1, 40)]
    text = "\n".join(["price;age;y", *(row.replace(",", " ") for row in rows)])
    (tmp_path / "t.csv").write_text(text)
    declared = ("--column", "price=number", "--missing", "-")
    options = ("--target", "y", "--out", tmp_path / "run", "--epochs", "1", *declared)
    assert invoke("train", tmp_path / "t.csv", *options).exit_code == 0
    (tmp_path / "more.csv").write_text(text.replace(";", "|"))
    result = invoke("evaluate", tmp_path / "run", tmp_path / "more.csv", "--delimiter", "|")
    assert result.exit_code == 0, result.exception
    assert "on all of more.csv, accuracy" in result.stdout


@pytest.mark.parametrize("option", ["--delimiter", "--encoding"])
def test_options_of_other_data_need_data(run_path: Path, option: str) -> None:
    assert refused("evaluate", run_path, option, ";") == (
        f"{option}: has an effect only with other DATA; leave it out"
    )
