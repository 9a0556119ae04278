"""Options given together: what a user typed last is what counts, or is refused."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.__main__ import app
from models.errors import ModelsError
from models.networks.blocks import DropoutBlock
from models.networks.preparation import Scale
from models.run import Run

QUICK = ("--epochs", "1", "--width", "2", "--depth", "4")


def trained(out: Path, *options: str) -> Run:
    result = CliRunner().invoke(app, ["train", "digits", "--out", str(out), *options])
    assert result.exit_code == 0, result.exception
    return Run(out)


def test_a_number_given_beside_the_papers_recipe_counts(tmp_path: Path) -> None:
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
def test_a_run_is_named_for_its_preset_unless_the_network_was_changed(
    tmp_path: Path, options: tuple[str, ...], name: str
) -> None:
    assert trained(tmp_path / "run", *options).config().preset == name


@pytest.mark.parametrize(
    ("options", "option", "wanted"),
    [
        (["--kernel", "3"], "--kernel", "a network with convolutions"),
        (["--gate-kernel", "3"], "--gate-kernel", "a network with convolutions"),
        (["--plain", "--gate-bias", "-3"], "--gate-bias", "a network with gates"),
        (["--momentum", "0.5"], "--momentum", "--optimizer sgd"),
        (["--drop-epochs", "3"], "--drop-epochs", "--schedule steps"),
        (["--drop-factor", "0.5"], "--drop-factor", "--schedule steps or exponential"),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(
    tmp_path: Path, options: list[str], option: str, wanted: str
) -> None:
    out = tmp_path / "run"
    result = CliRunner().invoke(app, ["train", "digits", "--out", str(out), *options])
    assert isinstance(result.exception, ModelsError)
    assert str(result.exception) == (
        f"{option}: expected only with {wanted}, found it where it changes nothing; leave it out"
    )
    assert not out.exists()


def test_steps_need_to_know_when(tmp_path: Path) -> None:
    words = ["train", "digits", "--out", str(tmp_path / "run"), "--schedule", "steps"]
    result = CliRunner().invoke(app, words)
    assert str(result.exception) == ("--schedule steps: expected --drop-epochs with it, found none")


@pytest.mark.parametrize(
    "options", [["--precision", "16-mixed"], ["--preset", "mnist-conv-16", "--kernel", "9"]]
)
def test_a_refused_training_leaves_nothing_behind(tmp_path: Path, options: list[str]) -> None:
    table = tmp_path / "table.csv"
    table.write_text("a,b\n" + "".join(f"{n},{n % 2}\n" for n in range(30)))
    out = tmp_path / "run"
    words = ["train", str(table), "--target", "b", "--out", str(out), *options]
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, ModelsError)
    assert not out.exists()


@pytest.mark.parametrize("option", ["--shift", "--turn-degrees", "--stretch"])
def test_a_table_has_no_images_to_move(tmp_path: Path, option: str) -> None:
    table = tmp_path / "table.csv"
    table.write_text("a,b\n" + "".join(f"{n},{n % 2}\n" for n in range(30)))
    words = ["train", str(table), "--target", "b", "--out", str(tmp_path / "run"), option, "0.1"]
    result = CliRunner().invoke(app, words)
    assert str(result.exception) == (
        f"{option}: expected only with images, found it where it changes nothing; leave it out"
    )
