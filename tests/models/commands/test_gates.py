import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from models.gates.pictures import PICTURES
from models.run import Run
from tests.conftest import command, once
from tests.launcher import PreparedProcess
from tests.models.commands.conftest import invoke, refused

NAMES = (
    *("biases", "class_gates", "joint_lesions", "lesions"),
    *("mean_gates", "refinement", "reordering", "sample_gates", "sample_outputs"),
)


@pytest.fixture(scope="module")
def out(shared: Path, run_path: Path) -> Path:
    """The output of the command for the run's training rows."""
    path = shared / "gates" / "digits"

    def analyse() -> None:
        done = command("models", "gates", run_path, "--out", path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(
            f"{path}: 9 pictures and gates.json over 1,437 rows; least useful layers: "
        )

    return once(path, analyse)


def test_every_picture_is_written_as_svg_and_png(out: Path) -> None:
    expected = {f"{name}.{kind}" for name in NAMES for kind in ("svg", "png")}
    assert {path.name for path in out.iterdir()} == expected | {"gates.json"}


def test_the_numbers_of_the_pictures_match_the_run(run_path: Path, out: Path) -> None:
    report = json.loads((out / "gates.json").read_text())
    assert (report["run"], report["rows_of"], report["rows"]) == (
        str(run_path),
        "digits (train)",
        1437,
    )
    assert [layer["number"] for layer in report["layers"]] == [1, 2, 3]
    baseline = Run(run_path).baseline()
    for layer, mean in zip(report["layers"], baseline["overall"]["mean"], strict=True):
        assert (layer["kind"], layer["width"]) == ("highway", 8)
        assert layer["openness"] == pytest.approx(mean, abs=1e-5)
        for name in ("gate_bias_after", "mean_gate", "sample_gate", "sample_output"):
            assert len(layer[name]) == 8
    assert sum(group["rows"] for group in report["classes"]) == 1437
    assert np.shape(report["classes"][9]["mean_gate_difference"]) == (3, 8)


def test_joint_lesions_range_from_the_intact_network_to_all_layers_closed(out: Path) -> None:
    report = json.loads((out / "gates.json").read_text())
    joint = report["joint_lesions"]
    assert [len(lesion["closed"]) for lesion in joint] == [0, 1, 2, 3]
    least = report["layers"][joint[1]["closed"][0] - 1]["lesion"]
    for score in ("accuracy", "loss"):
        assert joint[0][score] == report["intact"][score]
        assert joint[1][score] == least[score]
    assert least["loss"] == min(layer["lesion"]["loss"] for layer in report["layers"])


def test_layers_in_another_order_are_named_by_their_numbers(out: Path) -> None:
    report = json.loads((out / "gates.json").read_text())
    errors, reordered = report["estimation"], report["reorderings"]
    assert [(layer["stage"], layer["layer"]) for layer in errors] == [(1, 1), (1, 2), (1, 3)]
    assert errors[-1]["mean"] == errors[-1]["relative_spread"] == 0.0
    assert [swap["layers"] for swap in reordered["swapped"]] == [[1, 2], [2, 3]]
    assert [sorted(shuffle["layers"]) for shuffle in reordered["shuffled"]] == [[1, 2, 3]] * 5
    assert [len(drop["layers"]) for drop in reordered["dropped"]] == [1] * 5 + [2] * 5
    assert reordered["intact"] == reordered["drawn_intact"] == report["intact"]
    assert reordered["drawn_rows"] == 1437


@pytest.fixture
def _one_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw one picture instead of all: it is the numbers or the output that count."""
    monkeypatch.setattr("models.gates.pictures.PICTURES", {"biases": PICTURES["biases"]})


@pytest.mark.usefixtures("_one_picture")
def test_rows_part_and_sample_can_be_chosen(run_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "gates"
    options = ("--part", "test", "--rows", "50", "--sample", "99", "--out", str(out))
    result = invoke("gates", run_path, *options)
    assert result.exit_code == 0, result.exception
    report = json.loads((out / "gates.json").read_text())
    assert (report["rows_of"], report["rows"]) == ("digits (test)", 50)
    label = Run(run_path).dataset().test.y[99]
    assert report["sample"] == {"row": 99, "label": str(label)}


def test_a_plain_network_is_refused(run_path: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    shutil.copytree(run_path, plain)
    config = json.loads((plain / "config.json").read_text())
    config["network"]["blocks"] = config["network"]["blocks"][:1]
    (plain / "config.json").write_text(json.dumps(config))
    assert refused("gates", plain, "--out", tmp_path / "out") == (
        f"{plain}: a plain network has no gates; choose a highway network"
    )
    assert not (tmp_path / "out").exists()


def test_a_directory_with_files_is_refused(run_path: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    for out in (tmp_path, tmp_path / "mine"):
        assert refused("gates", run_path, "--out", out) == (
            f"{out}: expected a new or empty directory, found existing files; choose another --out"
        )


def test_a_directory_that_cannot_be_created_is_reported(run_path: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    out = tmp_path / "mine" / "gates"
    assert refused("gates", run_path, "--out", out) == f"{out}: cannot be created: Not a directory"


def test_a_missing_directory_is_reported(run_path: Path) -> None:
    assert refused("gates", run_path) == "--out: missing; give a new directory to write"


def test_rows_and_sample_must_be_in_range(run_path: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out")
    assert refused("gates", run_path, *out, "--rows", "0") == "--rows: expected 1 or more, found 0"
    for sample in ("-1", "1437"):
        assert refused("gates", run_path, *out, "--sample", sample) == (
            f"--sample: expected an index from 0 to 1436, found {sample}"
        )
    assert not (tmp_path / "out").exists()


def test_a_stopped_command_leaves_no_directory(run_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "gates"
    with PreparedProcess(
        *("models", "gates", run_path, "--out", out),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        deadline = time.monotonic() + 120
        while not out.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=60)
    assert (process.returncode, printed) == (130, "")
    assert errors == "stopped: the command has not finished; run it again\n"
    assert not out.exists()


@pytest.mark.usefixtures("_one_picture")
def test_the_last_line_says_what_to_do_next(run_path: Path, tmp_path: Path) -> None:
    last = invoke("gates", run_path, "--out", tmp_path / "out").stdout.splitlines()[-1]
    assert last.startswith("next: `")
    assert last.endswith(f" prune {run_path} --out NEW_RUN` removes layers that are not needed")
