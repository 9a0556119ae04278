import csv
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.data.source import BUNDLED
from tests.conftest import command, once, prepared_process
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


ODD_LABELS = ("benzo[a]pyrene", "[/b]", "[none]", ":smile:", "$5$", "a\nb", "\x1b[31mred", "x" * 99)


@pytest.fixture(scope="module")
def odd_run(shared: Path) -> Path:
    """A run whose labels look like markup, formulas and commands to a terminal."""
    path = shared / "odd" / "run"

    def train() -> None:
        table = path.with_name("odd.csv")
        with table.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(("x[0]", "y"))
            rows.writerows((n, ODD_LABELS[n % len(ODD_LABELS)]) for n in range(160))
        done = command(
            *("models", "train", table, "--target", "y", "--out", path, "--validation-share", "0"),
            *("--depth", "3", "--width", "4", "--epochs", "1"),
        )
        assert done.returncode == 0, done.stderr

    return once(path, train)


def test_labels_are_text_without_markup_and_without_commands_to_the_terminal(
    odd_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    done = command("models", "evaluate", odd_run)
    assert done.returncode == 0, done.stderr
    for label in (*ODD_LABELS[:5], "a\\nb", "\\x1b[31mred", "x" * 57 + "..."):
        assert f"│ {label} " in done.stdout
    assert "\x1b" not in done.stdout


def test_a_matrix_that_is_too_wide_has_numbers_instead_of_labels(
    odd_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = command("models", "evaluate", odd_run)
    assert "┃   ┃ 1 ┃ 2 ┃ 3 ┃ 4 ┃ 5 ┃ 6 ┃ 7 ┃ 8 ┃" in done.stdout
    labels = json.loads((odd_run / "config.json").read_text())["data"]["labels"]
    assert f"│ {labels.index('[/b]') + 1} │ [/b] " in done.stdout


def test_a_matrix_that_does_not_fit_is_left_out(
    odd_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "15")
    printed = " ".join(command("models", "evaluate", odd_run).stdout.split())
    assert re.search(r"the confusion matrix needs \d+ columns; it is in the output", printed)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437"])
def test_a_terminal_of_another_encoding_shows_the_tables(odd_run: Path, encoding: str) -> None:
    done = prepared_process(
        *("models", "evaluate", odd_run),
        env={**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "40", "TERM": "dumb"},
        encoding=encoding,
    )
    assert (done.returncode, done.stderr) == (0, "")
    printed = done.stdout
    assert "[none]" in printed
    assert "\\u2026" not in printed
    tables = printed.split("scores by label")[1]
    assert max(map(len, tables.splitlines())) <= 40


@pytest.fixture
def moved_run(run_path: Path, tmp_path: Path) -> Path:
    """A copy of the run, as if its data had been a file that is no longer there."""
    run = Path(shutil.copytree(run_path, tmp_path / "moved"))
    config = json.loads((run / "config.json").read_text())
    config["data"]["source"]["data"] = "/nowhere/digits.csv"
    (run / "config.json").write_text(json.dumps(config))
    return run


def test_the_test_rows_of_a_run_are_scored_without_its_data(
    moved_run: Path, run_path: Path
) -> None:
    done = command("models", "evaluate", moved_run, "--json")
    assert done.returncode == 0, done.stderr
    original = json.loads(command("models", "evaluate", run_path, "--json").stdout)
    assert {**json.loads(done.stdout), "run": None} == {**original, "run": None}


def test_other_parts_need_the_data_at_their_new_place(moved_run: Path) -> None:
    arguments = ("models", "evaluate", moved_run, "--part", "validation")
    assert command(*arguments).stderr == (
        f"error: {moved_run}: the run's data 'digits' are not at '/nowhere/digits.csv'; say where "
        "they are now with --data PATH; the run itself keeps 180 of its 180 "
        "test rows\n"
    )
    done = command(*arguments, "--data", "digits")
    assert done.returncode == 0, done.stderr


def test_the_new_place_of_the_data_has_no_effect_with_other_data(run_path: Path) -> None:
    done = command("models", "evaluate", run_path, "digits", "--data", "digits")
    assert done.stderr == "error: --data: has an effect only without DATA; leave it out\n"
