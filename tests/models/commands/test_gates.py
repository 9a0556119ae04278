import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from models.__main__ import app
from models.errors import ModelsError
from models.run import Run
from tests.conftest import command

NAMES = (
    *("biases", "class_gates", "joint_lesions", "lesions"),
    *("mean_gates", "sample_gates", "sample_outputs"),
)


@pytest.fixture(scope="module")
def out(run_path: Path) -> Path:
    """The command's output over the run's training rows."""
    path = run_path.parent / "gates"
    done = command("models", "gates", run_path, "--out", path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        f"{path}: 7 pictures and gates.json over 1,437 rows; layers that matter least: "
    )
    return path


def refused(*arguments: str | Path) -> str:
    """Return the sentence that the command ends with."""
    result = CliRunner().invoke(app, ["gates", *map(str, arguments)])
    assert isinstance(result.exception, ModelsError)
    return str(result.exception)


def test_every_picture_is_there_as_svg_and_as_png(out: Path) -> None:
    expected = {f"{name}.{kind}" for name in NAMES for kind in ("svg", "png")}
    assert {path.name for path in out.iterdir()} == expected | {"gates.json"}


def test_the_numbers_behind_the_pictures_fit_the_run(run_path: Path, out: Path) -> None:
    found = json.loads((out / "gates.json").read_text())
    assert (found["run"], found["rows_of"], found["rows"]) == (
        str(run_path),
        "digits (train)",
        1437,
    )
    assert [layer["number"] for layer in found["layers"]] == [1, 2, 3]
    baseline = Run(run_path).baseline()
    for layer, mean in zip(found["layers"], baseline["overall"]["mean"], strict=True):
        assert (layer["kind"], layer["width"]) == ("highway", 8)
        assert layer["openness"] == pytest.approx(mean, abs=1e-5)
        for name in ("gate_bias_after", "mean_gate", "sample_gate", "sample_output"):
            assert len(layer[name]) == 8
    assert sum(group["rows"] for group in found["classes"]) == 1437
    assert np.shape(found["classes"][9]["mean_gate_difference"]) == (3, 8)


def test_joint_lesions_go_from_the_intact_network_to_all_layers_closed(out: Path) -> None:
    found = json.loads((out / "gates.json").read_text())
    joint = found["joint_lesions"]
    assert [len(each["closed"]) for each in joint] == [0, 1, 2, 3]
    assert {name: joint[0][name] for name in ("accuracy", "loss")} == found["intact"]
    least = found["layers"][joint[1]["closed"][0] - 1]["lesion"]
    assert {name: joint[1][name] for name in ("accuracy", "loss")} == least
    assert least["loss"] == min(layer["lesion"]["loss"] for layer in found["layers"])


def test_rows_part_and_sample_can_be_chosen(run_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "gates"
    options = ("--part", "test", "--rows", "50", "--sample", "99", "--out", str(out))
    result = CliRunner().invoke(app, ["gates", str(run_path), *options])
    assert result.exit_code == 0, result.exception
    found = json.loads((out / "gates.json").read_text())
    assert (found["rows_of"], found["rows"]) == ("digits (test)", 50)
    label = Run(run_path).dataset().test.y[99]
    assert found["sample"] == {"row": 99, "label": str(label)}


def test_a_plain_network_has_no_gates(run_path: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    shutil.copytree(run_path, plain)
    config = json.loads((plain / "config.json").read_text())
    config["network"]["blocks"] = config["network"]["blocks"][:1]
    (plain / "config.json").write_text(json.dumps(config))
    assert refused(plain, "--out", tmp_path / "out") == (
        f"{plain}: expected a network with highway layers, found a plain one; it has no gates"
    )
    assert not (tmp_path / "out").exists()


def test_existing_files_are_left_alone(run_path: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    for out in (tmp_path, tmp_path / "mine"):
        assert refused(run_path, "--out", out) == (
            f"{out}: expected a new or empty directory, found existing files; choose another --out"
        )


def test_a_directory_that_cannot_be_made_is_one_sentence(run_path: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    out = tmp_path / "mine" / "gates"
    assert refused(run_path, "--out", out) == f"{out}: cannot be created: Not a directory"


def test_without_a_directory_it_asks_for_one(run_path: Path) -> None:
    assert refused(run_path) == "--out: expected a new directory to write, found nothing"


def test_rows_and_sample_must_be_there(run_path: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out")
    assert refused(run_path, *out, "--rows", "0") == "--rows: expected 1 or more, found 0"
    for sample in ("-1", "1437"):
        assert refused(run_path, *out, "--sample", sample) == (
            f"--sample: expected a row from 0 to 1436, found {sample}"
        )
    assert not (tmp_path / "out").exists()
