import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from export.artifact import Wanted, export
from export.errors import OutputError
from models.errors import RunError
from models.networks.network import mean_gates
from models.run import Run
from service.classifier import Classifier


def quiet(step: str) -> None:
    """Hear of the steps, and say nothing."""


def test_the_same_run_gives_the_same_bytes_from_another_folder(
    run_path: Path, artifact_path: Path, tmp_path: Path
) -> None:
    again = Run(Path(shutil.copytree(run_path, tmp_path / "elsewhere")))
    export(again, tmp_path / "again.onnx", Wanted(), quiet)
    assert (tmp_path / "again.onnx").read_bytes() == artifact_path.read_bytes()


def test_the_artifact_answers_as_torch_does(artifact_path: Path, run_path: Path) -> None:
    rows = Run(run_path).dataset().test.x[:20]
    with torch.no_grad():
        logits, gates = Run(run_path).network()(torch.from_numpy(rows))
    answer = Classifier.load(artifact_path).run(rows)
    assert np.abs(answer.probabilities - torch.softmax(logits, 1).numpy()).max() < 1e-5
    assert np.abs(answer.gate_mean - mean_gates(gates).numpy()).max() < 1e-5
    assert np.abs(answer.gate_units - torch.cat(gates, 1).numpy()).max() < 1e-5


def test_each_row_may_close_another_layer_of_the_artifact(
    artifact_path: Path, run_path: Path
) -> None:
    rows = Run(run_path).dataset().test.x[:3]
    closed = 1 - np.eye(3, dtype=np.float32)  # row i without layer i
    with torch.no_grad():
        logits, _ = Run(run_path).network()(torch.from_numpy(rows), torch.from_numpy(closed))
    answer = Classifier.load(artifact_path).run(rows, closed)
    assert np.abs(answer.logits - logits.numpy()).max() < 1e-4


def test_nothing_is_left_beside_the_artifact(artifact_path: Path) -> None:
    assert [path.name for path in artifact_path.parent.glob(".*")] == []
    assert oct(artifact_path.stat().st_mode)[-3:] == "644"


def test_the_file_names_no_path_of_the_machine_that_made_it(artifact_path: Path) -> None:
    content = artifact_path.read_bytes()
    for trace in (str(Path.cwd()), str(artifact_path.parent), str(Path.home()) + "/"):
        assert trace.encode() not in content


def test_a_folder_that_is_missing_is_named(run_path: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError) as error:
        export(Run(run_path), tmp_path / "no" / "model.onnx", Wanted(), quiet)
    assert str(error.value) == (
        f"{tmp_path}/no/model.onnx: expected an existing folder {tmp_path}/no, found none"
    )


def test_a_directory_is_not_written_over(run_path: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError) as error:
        export(Run(run_path), tmp_path, Wanted(), quiet)
    assert str(error.value) == (
        f"{tmp_path}: expected the name of a file to write, found a directory"
    )


def test_a_folder_that_takes_no_files_is_one_sentence(run_path: Path) -> None:
    with pytest.raises(OutputError) as error:
        export(Run(run_path), Path("/proc/model.onnx"), Wanted(), quiet)
    assert str(error.value).startswith("/proc/model.onnx: cannot be written: ")


def test_a_failed_export_leaves_the_old_file_as_it_was(run_path: Path, tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    target.write_text("the old one")
    broken = Run(Path(shutil.copytree(run_path, tmp_path / "broken")))
    os.truncate(broken.path / "model.safetensors", 100)
    with pytest.raises(RunError):
        export(broken, target, Wanted(), quiet)
    assert target.read_text() == "the old one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "model.onnx"]


def test_something_that_is_no_file_is_not_written_over(run_path: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError) as error:
        export(Run(run_path), tmp_path / "pipe", Wanted(), quiet)
    assert str(error.value) == (
        f"{tmp_path}/pipe: expected the name of a file to write, found something else"
    )


def test_a_name_that_is_too_long_is_one_sentence(run_path: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError) as error:
        export(Run(run_path), tmp_path / ("a" * 300), Wanted(), quiet)
    assert str(error.value).endswith("cannot be written: File name too long")


def test_a_baseline_of_fewer_layers_is_refused(run_path: Path, tmp_path: Path) -> None:
    broken = Run(Path(shutil.copytree(run_path, tmp_path / "broken")))
    baseline = json.loads((broken.path / "gate_baseline.json").read_text())
    baseline["overall"]["mean"] = baseline["overall"]["mean"][:2]
    (broken.path / "gate_baseline.json").write_text(json.dumps(baseline))
    with pytest.raises(RunError) as error:
        export(broken, tmp_path / "model.onnx", Wanted(), quiet)
    assert str(error.value) == (
        f"{broken.path}: expected a gate baseline of 3 layers, found one of 2; train again"
    )
