from pathlib import Path

import pytest

from tests.conftest import command


def test_training_ends_with_one_summary_line(tmp_path: Path) -> None:
    done = command("models", "train", "digits", "--out", tmp_path / "run", "--epochs", "1")
    assert done.returncode == 0
    assert done.stderr.strip() == ""
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"{tmp_path / 'run'}: dense-10 on digits, accuracy ")
    assert "on 180 rows (95 % interval" in line


def test_evaluate_scores_the_test_rows_and_tells_every_layers_openness(run_path: Path) -> None:
    done = command("models", "evaluate", run_path)
    first, *layers = done.stdout.splitlines()
    assert done.returncode == 0
    assert first.startswith(f"{run_path}: custom on digits (test), accuracy ")
    assert [line.split()[:3] for line in layers] == [
        ["highway", "layer", str(n)] for n in (1, 2, 3)
    ]


def test_evaluate_repeats_the_score_that_training_printed(run_path: Path) -> None:
    metrics = (run_path / "metrics.jsonl").read_text().splitlines()[-1]
    accuracy = float(metrics.split('"test_accuracy": ')[1].split(",")[0])
    assert f"accuracy {accuracy:.2%} " in command("models", "evaluate", run_path).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "cats", "--out", "x"], "data: expected one of digits, mnist-5k, found 'cats'"),
        (
            ["train", "digits", "--out", "x", "--preset", "big"],
            "preset: expected one of dense-10, found 'big'",
        ),
        (
            ["train", "digits", "--out", "x", "--activation", "linear"],
            "--activation: expected one of relu, tanh, sigmoid, elu, gelu, silu, softplus, "
            "found 'linear'",
        ),
        (
            ["train", "digits", "--out", "x", "--learning-rate", "nan"],
            "--learning-rate: expected a number above 0, found nan",
        ),
        (
            ["train", "digits", "--out", "x", "--gate-bias", "inf"],
            "--gate-bias: expected a finite number, found inf",
        ),
        (["evaluate", "nowhere"], "nowhere: expected a run directory, found nothing there"),
        (
            ["evaluate", "nowhere", "--part", "all"],
            "--part: expected train, validation or test, found 'all'",
        ),
    ],
)
def test_a_wrong_word_is_one_sentence_and_exit_code_1(arguments: list[str], message: str) -> None:
    done = command("models", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"error: {message}\n")


@pytest.mark.parametrize("arguments", [[], ["train"], ["evaluate"]])
def test_every_command_has_help(arguments: list[str]) -> None:
    done = command("models", *arguments, "--help")
    assert done.returncode == 0
    assert "Usage: python -m models" in done.stdout
