import os
import shutil
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import safetensors
import torch

from export.artifact import export
from export.errors import NumericsError, WriteError
from export.trained_run import TrainedRun
from models.errors import RunError
from models.networks.network import mean_gates
from service.classifier import Classifier
from tests.conftest import command


def no_op(step: str) -> None:
    """Ignore the progress."""


@pytest.fixture
def broken_path(run_path: Path, tmp_path: Path) -> Path:
    """A copy of the run directory whose weights are cut off."""
    path = Path(shutil.copytree(run_path, tmp_path / "broken"))
    os.truncate(path / "model.safetensors", 100)
    return path


def test_each_file_of_the_run_is_opened_once(
    run_path: Path, artifact_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(shutil.copytree(run_path, tmp_path / "run"))
    opened: Counter[str] = Counter()
    counting = True

    def count(event: str, arguments: tuple[object, ...]) -> None:
        if counting and event == "open":
            opened[str(arguments[0])] += 1

    def counting_safe_open(name: str, **options: str) -> object:
        opened[str(name)] += 1  # native code, which raises no audit event
        return safetensors.safe_open(name, **options)

    monkeypatch.setattr("safetensors.torch.safe_open", counting_safe_open)
    sys.addaudithook(count)
    export(path, tmp_path / "again.onnx", no_op)
    counting = False  # an audit hook cannot be removed
    assert {Path(name).name: n for name, n in opened.items() if name.startswith(f"{path}/")} == {
        "config.json": 1,
        "model.safetensors": 1,
        "metrics.jsonl": 1,
        "gate_baseline.json": 1,
        "typicality.safetensors": 1,
        "rows.safetensors": 1,
    }
    assert not [name for name in opened if name.endswith("digits.csv.gz")]  # the data
    # The same run gives the same bytes from another folder.
    assert (tmp_path / "again.onnx").read_bytes() == artifact_path.read_bytes()


def test_the_artifact_computes_the_same_as_torch(artifact_path: Path, run: TrainedRun) -> None:
    rows = run.rows.test.x[:20]
    with torch.no_grad():
        logits, gates = run.served.network(torch.from_numpy(rows))
    outputs = Classifier.load(artifact_path).run(rows)
    assert np.abs(outputs.probabilities - torch.softmax(logits, 1).numpy()).max() < 1e-5
    assert np.abs(outputs.gate_mean - mean_gates(gates).numpy()).max() < 1e-5
    assert np.abs(outputs.gate_units - torch.cat(gates, 1).numpy()).max() < 1e-5


def test_each_row_can_close_another_layer(artifact_path: Path, run: TrainedRun) -> None:
    rows = run.rows.test.x[:3]
    closed = 1 - np.eye(3, dtype=np.float32)  # row i without layer i
    with torch.no_grad():
        logits, _ = run.served.network(torch.from_numpy(rows), torch.from_numpy(closed))
    outputs = Classifier.load(artifact_path).run(rows, closed)
    assert np.abs(outputs.logits - logits.numpy()).max() < 1e-4


def test_no_temporary_file_remains_beside_the_artifact(artifact_path: Path) -> None:
    assert [path.name for path in artifact_path.parent.glob(".*")] == []
    assert oct(artifact_path.stat().st_mode)[-3:] == "644"


def test_the_file_contains_no_path_of_the_machine(artifact_path: Path) -> None:
    content = artifact_path.read_bytes()
    for trace in (str(Path.cwd()), str(artifact_path.parent), str(Path.home()) + "/"):
        assert trace.encode() not in content


def test_a_target_that_cannot_be_written_is_an_error_before_the_run_is_read(
    broken_path: Path, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for target, message in (
        (tmp_path, f"{tmp_path}: expected the name of a file to write, found a directory"),
        (
            tmp_path / "pipe",
            f"{tmp_path}/pipe: expected the name of a file to write, found a special file",
        ),
        (
            tmp_path / "no" / "model.onnx",
            f"{tmp_path}/no/model.onnx: the folder {tmp_path}/no does not exist",
        ),
        (
            tmp_path / ("a" * 300),
            f"{tmp_path}/{'a' * 300}: cannot be written: File name too long",
        ),
    ):
        with pytest.raises(WriteError) as error:
            export(broken_path, target, no_op)
        assert str(error.value) == message


def test_a_folder_that_accepts_no_files_is_an_error(run_path: Path) -> None:
    with pytest.raises(WriteError) as error:
        export(run_path, Path("/proc/model.onnx"), no_op)
    assert str(error.value).startswith("/proc/model.onnx: cannot be written: ")


def test_a_failed_export_leaves_the_old_file_unchanged(broken_path: Path, tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    target.write_text("the old one")
    with pytest.raises(RunError):
        export(broken_path, target, no_op)
    assert target.read_text() == "the old one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "model.onnx"]


def test_a_fault_of_the_export_itself_says_what_to_do(
    run_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.reference.Reference.allowed", lambda self, output: 0.0)
    with pytest.raises(NumericsError) as error:
        export(run_path, tmp_path / "no.onnx", no_op)
    assert str(error.value).endswith(
        "; nothing was written; this is a fault of the export and not of your data, so please "
        "report it, and train again with another --seed meanwhile"
    )
    assert not (tmp_path / "no.onnx").exists()


def test_a_run_on_moved_data_is_exported_with_the_rows_that_it_keeps(tmp_path: Path) -> None:
    run, moved = train_table(tmp_path)
    for precision in ("float32", "int8"):
        file = tmp_path / f"{precision}.onnx"
        options = ("--precision", precision, "--max-label-changes", "100")
        done = command("export", "export", run, file, *options)
        assert done.returncode == 0, done.stderr
        assert str(tmp_path).encode() not in file.read_bytes()
    again = tmp_path / "again.onnx"
    done = command("export", "export", run, again, "--data", moved)
    assert done.returncode == 0, done.stderr
    assert again.read_bytes() == (tmp_path / "float32.onnx").read_bytes()


def test_a_run_without_kept_rows_names_the_option_for_moved_data(tmp_path: Path) -> None:
    run, moved = train_table(tmp_path)
    (run / "rows.safetensors").unlink()
    done = command("export", "export", run, tmp_path / "no.onnx")
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {run}: the run's data 'table.csv' are not at '{tmp_path}/table.csv'; say where "
        "they are now with --data PATH\n",
    )
    done = command("export", "export", run, tmp_path / "yes.onnx", "--data", moved)
    assert done.returncode == 0, done.stderr


def test_other_data_are_refused_by_their_digest(tmp_path: Path) -> None:
    run, moved = train_table(tmp_path)
    moved.write_text(moved.read_text() + "9,1\n")
    done = command("export", "export", run, tmp_path / "no.onnx", "--data", moved)
    assert done.returncode == 1
    assert "data 'table.csv' have changed since the training: expected digest " in done.stderr


def train_table(folder: Path) -> tuple[Path, Path]:
    """Train on a table, then move the run and the table; return where they are."""
    table, run = folder / "table.csv", folder / "run"
    lines = [f"{n},{n // 40}" for n in range(80)]
    table.write_text("\n".join(["size,y", *lines, ""]))
    done = command(
        *("models", "train", table, "--target", "y", "--out", run),
        *("--epochs", "1", "--depth", "3", "--width", "4"),
    )
    assert done.returncode == 0, done.stderr
    (folder / "elsewhere").mkdir()
    return (
        run.rename(folder / "elsewhere" / "run"),
        table.rename(folder / "elsewhere" / "renamed.csv"),
    )
