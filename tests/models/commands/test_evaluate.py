import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from models.__main__ import app
from models.data.bundled import BUNDLED
from models.errors import ModelsError
from tests.conftest import command


def test_evaluate_scores_the_test_rows_label_by_label(run_path: Path) -> None:
    done = command("models", "evaluate", run_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{run_path}: custom on digits (test), accuracy ")
    for words in ("calibration error", "precision", "true label down", "highway layer 3"):
        assert words in done.stdout


def test_evaluate_repeats_the_score_that_training_printed(run_path: Path) -> None:
    metrics = (run_path / "metrics.jsonl").read_text().splitlines()[-1]
    accuracy = json.loads(metrics)["test_accuracy"]
    assert f"accuracy {accuracy:.2%} " in command("models", "evaluate", run_path).stdout


def test_json_holds_everything_for_machines(run_path: Path) -> None:
    found = json.loads(command("models", "evaluate", run_path, "--json").stdout)
    assert found["rows_of"] == "digits (test)"
    assert found["overall"]["rows"] == sum(label["rows"] for label in found["labels"]) == 180
    low, high = found["interval"]
    assert low < found["overall"]["accuracy"] < high
    assert np.sum(found["confusion"]) == 180
    assert np.trace(found["confusion"]) == round(found["overall"]["accuracy"] * 180)
    assert 0 <= found["calibration_error"] <= 1


def test_other_data_must_be_what_the_network_knows(run_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "few.npz"
    np.savez(path, x=np.zeros((4, 2, 2), np.uint8), y=[0, 1, 0, 1])
    result = CliRunner().invoke(app, ["evaluate", str(run_path), str(path)])
    assert str(result.exception) == (
        "few.npz: expected images of 8×8 in the unit brightness 0–16 as the network was trained "
        "on, found images of 2×2 in the unit pixel 0–255"
    )


def test_other_data_is_scored_whole_or_by_the_test_rows_it_brings(
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
    for name, words, count in (
        ("few", "all of few.npz", 30),
        ("own", "own.npz (its own test rows)", 7),
    ):
        done = command("models", "evaluate", other, tmp_path / f"{name}.npz")
        assert done.returncode == 0, done.stderr
        assert f" on {words}, accuracy " in done.stdout
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
            "--target: expected only with other DATA, found the run's own; leave it out",
        ),
        (
            ["RUN", "--without", "age"],
            "--without: expected only with other DATA, found the run's own; leave it out",
        ),
        (
            ["RUN", "digits", "--part", "train"],
            "--part: expected only with the run's own data, found other DATA; leave it out",
        ),
    ],
)
def test_a_wrong_word_is_one_sentence(run_path: Path, arguments: list[str], message: str) -> None:
    words = [str(run_path) if word == "RUN" else word for word in arguments]
    result = CliRunner().invoke(app, ["evaluate", *words])
    assert isinstance(result.exception, ModelsError)
    assert str(result.exception) == message


def test_a_part_without_rows_is_refused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    command(
        *("models", "train", "digits", "--out", run, "--validation-share", "0"),
        *("--depth", "3", "--width", "4", "--epochs", "1"),
    )
    done = command("models", "evaluate", run, "--part", "validation")
    assert done.stderr == (
        "error: --part: expected a part with rows, found none held out for validation\n"
    )
