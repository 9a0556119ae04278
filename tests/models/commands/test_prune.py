import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from models.__main__ import app
from models.errors import ModelsError
from models.pruning.ledger import Ledger, Plan, read_ledger, write_ledger
from models.run import Run
from tests.conftest import ROOT, command
from tests.models.pruning.conftest import known_run, plain_network


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The known network as a finished run; no test may change it."""
    return known_run(tmp_path_factory.mktemp("known") / "data")


@pytest.fixture(scope="module")
def pruned(known: Run) -> tuple[Run, str]:
    """The known run, pruned, and what was printed."""
    out = known.path.parent / "pruned"
    done = command(
        *("models", "prune", known.path, "--out", out),
        *("--finetune-epochs", "2", "--learning-rate", "1e-9"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == (
        "2 layers removed, fine-tuned: 100.00% of the validation rows, taken so far\n"
        "3 layers removed, fine-tuned: 87.50% of the validation rows, too much\n"
    )
    return Run(out), done.stdout


def invoked(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["prune", *map(str, arguments)])


def refused(*arguments: str | Path) -> str:
    """Return the sentence that the command ends with."""
    result = invoked(*arguments)
    assert isinstance(result.exception, ModelsError), result.exception
    return str(result.exception)


def test_a_table_says_what_was_given_up_and_gained(pruned: tuple[Run, str]) -> None:
    run, printed = pruned
    *table, words = printed.splitlines()
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in table if "│" in line]
    rows = {name: values for name, *values in cells}
    assert rows["highway layers"] == ["4", "2", "0.50"]
    assert rows["parameters"] == ["178", "53", "0.30"]
    assert rows["validation accuracy"] == ["100.00%", "100.00%", "+0.00 points"]
    assert rows["test accuracy"] == ["100.00%", "100.00%", "+0.00 points"]
    assert {"bytes of weights", "ms for 1 row", "ms for 32 rows"} < set(rows)
    assert "latencies: torch on one thread; the test rows decided" in printed
    assert words == (
        f"{run.path}: 2 highway layers left of 4, constant gates in layers 1, 1 dead units "
        "dropped, fine-tuned"
    )


def test_what_was_pruned_is_a_run_like_any_other(pruned: tuple[Run, str]) -> None:
    run, _ = pruned
    done = CliRunner().invoke(app, ["evaluate", str(run.path), "--json"])
    assert done.exit_code == 0, done.exception
    found = json.loads(done.stdout)
    assert (found["overall"]["accuracy"], found["overall"]["rows"]) == (1.0, 16)
    words = CliRunner().invoke(app, ["evaluate", str(run.path)]).stdout
    assert "highway layer 4" in words
    assert "highway layer 2" not in words


def test_json_holds_everything_for_machines(known: Run, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    result = invoked(known.path, "--out", out, "--finetune-epochs", "0", "--json")
    assert result.exit_code == 0, result.exception
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["run"] == str(out)
    assert (found["removed"], found["constant_gates"], found["dropped_units"]) == ([2, 3], [1], 1)
    assert found["finetuned"] is False
    assert found["before"]["cost"]["parameters"] == 178
    assert found["after"]["test"]["accuracy"] == 1.0
    assert read_ledger(Run(out)).plan.finetune_epochs == 0


def test_without_fine_tuning_the_weights_are_said_to_be_as_they_were(
    known: Run, tmp_path: Path
) -> None:
    result = invoked(known.path, "--out", tmp_path / "out", "--finetune-epochs", "0")
    assert result.stdout.splitlines()[-1] == (
        f"{tmp_path / 'out'}: 2 highway layers left of 4, constant gates in layers 1, 1 dead units "
        "dropped, weights as they were"
    )


def test_an_empty_directory_will_do(known: Run, tmp_path: Path) -> None:
    assert invoked(known.path, "--out", tmp_path, "--finetune-epochs", "0").exit_code == 0
    assert Run(tmp_path).finished


def test_where_nothing_can_go_no_directory_is_left(pruned: tuple[Run, str], tmp_path: Path) -> None:
    run, out = pruned[0].path, tmp_path / "out"
    assert refused(run, "--out", out, "--max-accuracy-drop", "2", "--finetune-epochs", "0") == (
        f"{run}: nothing can go within 2 points of validation accuracy; closing layer 4 alone, "
        "which matters least, costs 12.50; allow more with --max-accuracy-drop, or more "
        "--finetune-epochs"
    )
    assert not out.exists()


def test_ctrl_c_says_how_to_go_on_and_it_does_to_the_same_weights(
    known: Run, tmp_path: Path
) -> None:
    settings = ("--max-accuracy-drop", "20", "--finetune-epochs", "40")
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert invoked(known.path, "--out", whole, *settings).exit_code == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "models", "prune", str(known.path), "--out", str(out), *settings],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics, deadline = out / "attempts" / "3-removed" / "metrics.jsonl", time.monotonic() + 60
    while not metrics.exists() or metrics.read_bytes().count(b"\n") < 1:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    printed, words = process.communicate(timeout=60)
    assert (process.returncode, printed) == (130, "")
    assert words == (
        f"stopped: what was finished is kept in {out}; go on with "
        f"`python -m models prune --resume {out}`\n"
    )
    assert not Run(out).finished
    result = invoked("--resume", out)
    assert result.exit_code == 0, result.exception
    assert result.stdout.splitlines()[-1].startswith(f"{out}: 1 highway layers left of 4, ")
    for name in ("model.safetensors", "config.json", "gate_baseline.json"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()


def test_a_pruning_is_gone_on_with_from_another_folder(
    known: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(known.path.parent)
    assert invoked("run", "--out", tmp_path / "out", "--finetune-epochs", "0").exit_code == 0
    (tmp_path / "out" / "model.safetensors").unlink()
    monkeypatch.chdir(tmp_path)
    assert invoked("--resume", "out").exit_code == 0
    assert Run(tmp_path / "out").finished


def test_a_finished_pruning_has_nothing_left_to_do(pruned: tuple[Run, str]) -> None:
    path = pruned[0].path
    assert refused("--resume", path) == (
        f"{path}: expected a pruning that was stopped, found a finished one; nothing is left to do"
    )


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["RUN"], "RUN"),
        (["--out", "x"], "--out"),
        (["--max-accuracy-drop", "0"], "--max-accuracy-drop"),
        (["--finetune-epochs", "0"], "--finetune-epochs"),
        (["--learning-rate", "0.1"], "--learning-rate"),
    ],
)
def test_a_resumed_pruning_keeps_its_own_settings(
    tmp_path: Path, arguments: list[str], option: str
) -> None:
    write_ledger(Run(tmp_path), Ledger(plan=Plan(run="runs/digits")))
    assert refused("--resume", tmp_path, *arguments) == (
        f"{option}: expected nothing beside --resume, for the pruning keeps its own settings; "
        "leave it out"
    )


def test_a_directory_of_no_pruning_cannot_be_resumed(known: Run) -> None:
    assert refused("--resume", known.path) == (
        f"{known.path}: expected the directory of a pruning, found no pruning.json in it; "
        "begin with `python -m models prune RUN --out DIRECTORY`"
    )


@pytest.mark.parametrize("content", ['{"plan": {"run": "runs/dig', '{"name": "another program"}'])
def test_a_half_written_or_foreign_record_is_one_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "pruning.json").write_text(content)
    assert refused("--resume", tmp_path) == (
        f"{tmp_path / 'pruning.json'}: expected the record of a pruning, found something else"
    )
    assert (tmp_path / "pruning.json").read_text() == content


def test_a_pruning_whose_run_is_gone_says_so_and_is_kept(tmp_path: Path) -> None:
    write_ledger(Run(tmp_path), Ledger(plan=Plan(run=str(tmp_path / "gone"))))
    assert refused("--resume", tmp_path) == (
        f"{tmp_path / 'gone'}: expected a run directory, found nothing there"
    )
    assert (tmp_path / "pruning.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "RUN: expected a run directory to prune, found nothing"),
        (["RUN"], "--out: expected a new run directory to write, found nothing"),
        (["nowhere", "--out", "OUT"], "nowhere: expected a run directory, found nothing there"),
        (
            ["RUN", "--out", "OUT", "--max-accuracy-drop", "-1"],
            "--max-accuracy-drop: expected a number greater than or equal to 0, found -1.0",
        ),
        (
            ["RUN", "--out", "OUT", "--max-accuracy-drop", "101"],
            "--max-accuracy-drop: expected a number less than or equal to 100, found 101.0",
        ),
        (
            ["RUN", "--out", "OUT", "--max-accuracy-drop", "nan"],
            "--max-accuracy-drop: expected a number less than or equal to 100, found nan",
        ),
        (
            ["RUN", "--out", "OUT", "--keep-layers", "4"],
            "--keep-layers: expected 1 to 3, fewer than the network has, found 4",
        ),
        (
            ["RUN", "--out", "OUT", "--keep-layers", "0"],
            "--keep-layers: expected a number greater than or equal to 1, found 0",
        ),
        (
            ["RUN", "--out", "OUT", "--keep-layers", "2", "--max-accuracy-drop", "1"],
            "--keep-layers: expected instead of --max-accuracy-drop, found both; leave one out",
        ),
        (
            ["RUN", "--out", "OUT", "--finetune-epochs", "-1"],
            "--finetune-epochs: expected a number greater than or equal to 0, found -1",
        ),
        (
            ["RUN", "--out", "OUT", "--learning-rate", "0"],
            "--learning-rate: expected a number greater than 0, found 0.0",
        ),
        (
            ["RUN", "--out", "OUT", "--learning-rate", "inf"],
            "--learning-rate: expected a finite number, found inf",
        ),
    ],
)
def test_a_wrong_word_is_one_sentence_and_nothing_is_written(
    known: Run, tmp_path: Path, arguments: list[str], message: str
) -> None:
    places = {"RUN": str(known.path), "OUT": str(tmp_path / "out")}
    assert refused(*(places.get(word, word) for word in arguments)) == message
    assert not (tmp_path / "out").exists()


def test_existing_files_are_left_alone(known: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    for out in (tmp_path, known.path):
        assert refused(known.path, "--out", out) == (
            f"{out}: expected a new or empty directory, found existing files; choose another --out"
        )
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_plain_network_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    run = known_run(tmp_path / "data", plain_network()).path
    assert refused(run, "--out", tmp_path / "out") == (
        f"{run}: expected a network of at least two highway layers, of which one can go, found 0"
    )
    assert not (tmp_path / "out").exists()


def test_a_run_without_validation_rows_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    run = known_run(tmp_path / "data", validation_share=0.0).path
    assert refused(run, "--out", tmp_path / "out") == (
        f"{run}: expected validation rows to decide on, found none; "
        "train with --validation-share above 0"
    )
    assert not (tmp_path / "out").exists()
