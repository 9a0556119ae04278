import json
import shutil
from pathlib import Path

import pytest

from export.errors import PlainNetworkError
from export.trained_run import TrainedRun
from models.errors import RunError
from tests.conftest import command


def test_a_gate_baseline_of_fewer_layers_is_rejected(run_path: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(run_path, tmp_path / "run"))
    baseline = json.loads((path / "gate_baseline.json").read_text())
    baseline["overall"]["mean"] = baseline["overall"]["mean"][:2]
    (path / "gate_baseline.json").write_text(json.dumps(baseline))
    with pytest.raises(RunError) as error:
        TrainedRun.read(path)
    assert str(error.value) == (
        f"{path}: expected a gate baseline of 3 layers, found one of 2; train again"
    )


def test_a_network_without_highway_layers_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "run"
    done = command(
        *("models", "train", "digits", "--preset", "dense-10-plain", "--out", path),
        *("--depth", "2", "--width", "4", "--epochs", "1"),
    )
    assert done.returncode == 0, done.stderr
    with pytest.raises(PlainNetworkError) as error:
        TrainedRun.read(path)
    assert str(error.value) == (
        f"{path}: expected a network with highway layers, found a plain one; it has no gates to "
        "serve"
    )
