import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from models.pruning.record import Plan, PruningRecord, read_record, write_record
from models.run import Run
from tests.conftest import command
from tests.launcher import PreparedProcess
from tests.models.commands.conftest import invoke, refused
from tests.models.pruning.conftest import known_run, plain_network


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The known network as a finished run; no test may change it."""
    return known_run(tmp_path_factory.mktemp("known") / "data")


@pytest.fixture(scope="module")
def pruned(known: Run) -> tuple[Run, str]:
    """The pruned known run, and the output of the command."""
    out = known.path.parent / "pruned"
    done = command(
        *("models", "prune", known.path, "--out", out),
        *("--finetune-epochs", "2", "--learning-rate", "1e-9"),
    )
    assert done.returncode == 0, done.stderr
    attempts = [line for line in done.stderr.splitlines() if not line.startswith("epoch ")]
    assert attempts == [
        "2 layers removed and fine-tuned: validation accuracy 100.00% (95 % interval 91.24% to "
        "100.00%), within the budget",
        "3 layers removed and fine-tuned: validation accuracy 87.50% (95 % interval 73.89% to "
        "94.54%), over the budget",
    ]
    return Run(out), done.stdout


def test_a_table_compares_the_network_before_and_after(pruned: tuple[Run, str]) -> None:
    run, printed = pruned
    *table, summary, _ = printed.splitlines()
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in table if "│" in line]
    rows = {name: values for name, *values in cells}
    assert rows["highway layers"] == ["4", "2", "0.50"]
    assert rows["parameters"] == ["178", "53", "0.30"]
    assert rows["validation accuracy"] == ["100.00%", "100.00%", "+0.00 points"]
    assert rows["test accuracy"] == ["100.00%", "100.00%", "+0.00 points"]
    assert {"bytes of weights", "ms for 1 row", "ms for 32 rows"} < set(rows)
    assert "latencies: torch on one thread; test rows were used for" in printed
    assert summary == (
        f"{run.path}: 2 of 4 highway layers kept, constant gates in layers 1, 1 dead units "
        "dropped, fine-tuned"
    )


def test_a_pruned_run_can_be_evaluated(pruned: tuple[Run, str]) -> None:
    run, _ = pruned
    done = invoke("evaluate", run.path, "--json")
    assert done.exit_code == 0, done.exception
    scores = json.loads(done.stdout)["overall"]
    assert (scores["accuracy"], scores["rows"]) == (1.0, 16)
    text = invoke("evaluate", run.path).stdout
    assert "highway layer 4" in text
    assert "highway layer 2" not in text


def test_json_has_the_result(known: Run, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    result = invoke("prune", known.path, "--out", out, "--finetune-epochs", "0", "--json")
    assert result.exit_code == 0, result.exception
    printed: dict[str, Any] = json.loads(result.stdout)
    assert printed["run"] == str(out)
    assert (printed["removed"], printed["constant_gates"], printed["dropped_units"]) == (
        [2, 3],
        [1],
        1,
    )
    assert printed["finetuned"] is False
    assert printed["before"]["cost"]["parameters"] == 178
    assert printed["after"]["test"]["accuracy"] == 1.0
    assert read_record(Run(out)).plan.finetune_epochs == 0


def test_the_summary_states_that_there_was_no_fine_tuning(known: Run, tmp_path: Path) -> None:
    result = invoke("prune", known.path, "--out", tmp_path / "out", "--finetune-epochs", "0")
    assert result.stdout.splitlines()[-2] == (
        f"{tmp_path / 'out'}: 2 of 4 highway layers kept, constant gates in layers 1, 1 dead units "
        "dropped, not fine-tuned"
    )
    out, last = tmp_path / "out", result.stdout.splitlines()[-1]
    assert last.startswith("next: `")
    assert f" evaluate {out}` or `" in last
    assert last.endswith(f" export {out} model.onnx`")


def test_an_empty_directory_is_accepted(known: Run, tmp_path: Path) -> None:
    assert invoke("prune", known.path, "--out", tmp_path, "--finetune-epochs", "0").exit_code == 0
    assert Run(tmp_path).finished


def test_a_pruning_without_a_result_leaves_no_directory(
    pruned: tuple[Run, str], tmp_path: Path
) -> None:
    run, out = pruned[0].path, tmp_path / "out"
    assert refused(
        "prune", run, "--out", out, "--max-accuracy-drop", "2", "--finetune-epochs", "0"
    ) == (
        f"{run}: no layer can be removed within 2 points of validation accuracy; closing layer 4, "
        "the least useful, costs 12.50 points; increase --max-accuracy-drop or --finetune-epochs"
    )
    assert not out.exists()


def test_a_pruning_stopped_by_ctrl_c_resumes_to_the_same_weights(
    known: Run, tmp_path: Path
) -> None:
    settings = ("--max-accuracy-drop", "20", "--finetune-epochs", "40")
    expected, out = tmp_path / "expected", tmp_path / "out"
    assert invoke("prune", known.path, "--out", expected, *settings).exit_code == 0
    process = PreparedProcess(
        *("models", "prune", known.path, "--out", out, *settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    metrics, deadline = out / "attempts" / "3-removed" / "metrics.jsonl", time.monotonic() + 60
    while not metrics.exists() or metrics.read_bytes().count(b"\n") < 1:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    assert (process.returncode, printed) == (130, "")
    last = errors.splitlines()[-1]
    assert last.startswith(f"stopped: finished steps are kept in {out}; resume with `")
    assert errors.endswith(f"python -m models prune --resume {out}`\n")
    assert not Run(out).finished
    result = invoke("prune", "--resume", out)
    assert result.exit_code == 0, result.exception
    assert result.stdout.splitlines()[-2].startswith(f"{out}: 1 of 4 highway layers kept, ")
    for name in ("model.safetensors", "config.json", "gate_baseline.json"):
        assert (out / name).read_bytes() == (expected / name).read_bytes()


def test_a_pruning_can_be_resumed_from_another_folder(
    known: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(known.path.parent)
    assert (
        invoke("prune", "run", "--out", tmp_path / "out", "--finetune-epochs", "0").exit_code == 0
    )
    (tmp_path / "out" / "model.safetensors").unlink()
    monkeypatch.chdir(tmp_path)
    assert invoke("prune", "--resume", "out").exit_code == 0
    assert Run(tmp_path / "out").finished


def test_a_finished_pruning_cannot_be_resumed(pruned: tuple[Run, str]) -> None:
    path = pruned[0].path
    assert refused("prune", "--resume", path) == (
        f"{path}: the pruning has finished; there is nothing to resume"
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
def test_settings_are_refused_with_resume(
    tmp_path: Path, arguments: list[str], option: str
) -> None:
    write_record(Run(tmp_path), PruningRecord(plan=Plan(run="runs/digits")))
    assert refused("prune", "--resume", tmp_path, *arguments) == (
        f"{option}: not allowed with --resume, which keeps the original settings; leave it out"
    )


def test_a_directory_without_a_pruning_cannot_be_resumed(known: Run) -> None:
    assert refused("prune", "--resume", known.path) == (
        f"{known.path}: not the directory of a pruning, pruning.json is missing; "
        "start one with `highway prune RUN --out DIRECTORY`"
    )


@pytest.mark.parametrize("content", ['{"plan": {"run": "runs/dig', '{"name": "another program"}'])
def test_an_invalid_record_is_refused_and_kept(tmp_path: Path, content: str) -> None:
    (tmp_path / "pruning.json").write_text(content)
    assert refused("prune", "--resume", tmp_path) == (
        f"{tmp_path / 'pruning.json'}: not the record of a pruning"
    )
    assert (tmp_path / "pruning.json").read_text() == content


def test_a_pruning_of_a_missing_run_is_refused_and_kept(tmp_path: Path) -> None:
    write_record(Run(tmp_path), PruningRecord(plan=Plan(run=str(tmp_path / "missing"))))
    assert refused("prune", "--resume", tmp_path) == (
        f"{tmp_path / 'missing'}: expected a run directory, found nothing there"
    )
    assert (tmp_path / "pruning.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "RUN: missing; give a run directory to prune"),
        (["RUN"], "--out: missing; give a new run directory to write"),
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
            "--keep-layers: not allowed with --max-accuracy-drop; leave one out",
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
def test_invalid_options_are_refused_and_nothing_is_written(
    known: Run, tmp_path: Path, arguments: list[str], message: str
) -> None:
    paths = {"RUN": str(known.path), "OUT": str(tmp_path / "out")}
    assert refused("prune", *(paths.get(text, text) for text in arguments)) == message
    assert not (tmp_path / "out").exists()


def test_a_directory_with_files_is_refused(known: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    for out in (tmp_path, known.path):
        assert refused("prune", known.path, "--out", out) == (
            f"{out}: expected a new or empty directory, found existing files; choose another --out"
        )
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_plain_network_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    run = known_run(tmp_path / "data", plain_network()).path
    assert refused("prune", run, "--out", tmp_path / "out") == (
        f"{run}: pruning needs a network with at least two highway layers, found 0"
    )
    assert not (tmp_path / "out").exists()


def test_a_run_without_validation_rows_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    run = known_run(tmp_path / "data", validation_share=0.0).path
    assert refused("prune", run, "--out", tmp_path / "out") == (
        f"{run}: pruning needs validation rows; train with --validation-share above 0"
    )
    assert not (tmp_path / "out").exists()
