import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.data.source import BUNDLED
from tests.conftest import command
from tests.models.commands.conftest import refused


def test_the_default_rows_are_the_test_rows(run_path: Path) -> None:
    done = command("models", "evaluate", run_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{run_path}: custom on digits (test), accuracy ")
    for text in ("calibration error", "precision", "true label down", "highway layer 3"):
        assert text in done.stdout


def test_the_accuracy_is_that_of_the_training(run_path: Path) -> None:
    metrics = (run_path / "metrics.jsonl").read_text().splitlines()[-1]
    accuracy = json.loads(metrics)["test_accuracy"]
    assert f"accuracy {accuracy:.2%} " in command("models", "evaluate", run_path).stdout


def test_json_has_all_scores(run_path: Path) -> None:
    scores = json.loads(command("models", "evaluate", run_path, "--json").stdout)
    assert scores["rows_of"] == "digits (test)"
    assert scores["overall"]["rows"] == sum(label["rows"] for label in scores["labels"]) == 180
    low, high = scores["interval"]
    assert low < scores["overall"]["accuracy"] < high
    assert np.sum(scores["confusion"]) == 180
    assert np.trace(scores["confusion"]) == round(scores["overall"]["accuracy"] * 180)
    assert 0 <= scores["calibration_error"] <= 1


def test_other_data_must_have_the_shape_of_the_training_data(
    run_path: Path, tmp_path: Path
) -> None:
    path = tmp_path / "few.npz"
    np.savez(path, x=np.zeros((4, 2, 2), np.uint8), y=[0, 1, 0, 1])
    assert refused("evaluate", run_path, path) == (
        "few.npz: expected images of 8×8 in the unit brightness 0–16 as in the network's training "
        "data, found images of 2×2 in the unit pixel 0–255"
    )


def test_other_data_are_scored_on_all_rows_or_their_own_test_rows(
    run_path: Path, tmp_path: Path
) -> None:
    rows = BUNDLED["digits"]().rows
    few: dict[str, Any] = {"x": rows.x[:30].reshape(-1, 8, 8), "y": rows.y[:30]}
    np.savez(tmp_path / "few.npz", **few)
    np.savez(tmp_path / "own.npz", **few, x_test=few["x"][:7], y_test=few["y"][:7])
    config = json.loads((run_path / "config.json").read_text())
    config["data"]["input"] |= {"unit": "value", "low": None, "high": None}
    other = tmp_path / "run"
    shutil.copytree(run_path, other)
    (other / "config.json").write_text(json.dumps(config))
    for name, rows_of, count in (
        ("few", "all of few.npz", 30),
        ("own", "own.npz (its own test rows)", 7),
    ):
        done = command("models", "evaluate", other, tmp_path / f"{name}.npz")
        assert done.returncode == 0, done.stderr
        assert f" on {rows_of}, accuracy " in done.stdout
        assert f" on {count} rows" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: expected a run directory, found nothing there"),
        (
            ["RUN", "--part", "all"],
            "--part: expected train, validation or test, found 'all'",
        ),
        (
            ["RUN", "--target", "age"],
            "--target: has an effect only with other DATA; leave it out",
        ),
        (
            ["RUN", "--exclude", "age"],
            "--exclude: has an effect only with other DATA; leave it out",
        ),
        (
            ["RUN", "digits", "--part", "train"],
            "--part: has an effect only without DATA; leave it out",
        ),
    ],
)
def test_invalid_options_are_refused(run_path: Path, arguments: list[str], message: str) -> None:
    arguments = [str(run_path) if text == "RUN" else text for text in arguments]
    assert refused("evaluate", *arguments) == message


def test_a_part_without_rows_is_refused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    command(
        *("models", "train", "digits", "--out", run, "--validation-share", "0"),
        *("--depth", "3", "--width", "4", "--epochs", "1"),
    )
    done = command("models", "evaluate", run, "--part", "validation")
    assert done.stderr == ("error: --part: the run has no validation rows; choose another part\n")
