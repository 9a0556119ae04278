import sys
from pathlib import Path

import pytest

from service.invocation import command


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an environment's programs; it holds this process's python, and `highway`."""
    folder = tmp_path / "an environment" / "bin"
    folder.mkdir(parents=True)
    for name in ("python", "highway"):
        (folder / name).touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    return folder


@pytest.fixture
def on_path(bin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(bin_folder))


def started_as(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(sys, "argv", [program, "train"])


@pytest.mark.usefixtures("on_path")
def test_a_process_started_as_highway_prints_highway(monkeypatch: pytest.MonkeyPatch) -> None:
    started_as(monkeypatch, "highway")
    assert command("evaluate", Path("runs/a b")) == "highway evaluate 'runs/a b'"


@pytest.mark.usefixtures("on_path")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("evaluate", "python -m models evaluate RUN"),
        ("export", "python -m export export RUN"),
        ("serve", "python -m service serve RUN"),
        ("score", "python -m scoring score RUN"),
    ],
)
def test_a_process_started_as_a_module_prints_the_module_of_the_command(
    monkeypatch: pytest.MonkeyPatch, name: str, expected: str
) -> None:
    started_as(monkeypatch, "/project/models/__main__.py")
    assert command(name, "RUN") == expected


def test_a_program_that_is_not_on_the_path_has_its_full_path(
    bin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    started_as(monkeypatch, "highway")
    assert command("train") == f"'{bin_folder}/highway' train"
    started_as(monkeypatch, "/project/models/__main__.py")
    assert command("train") == f"'{bin_folder}/python' -m models train"


def test_a_program_of_another_environment_on_the_path_is_not_used(
    bin_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "python").symlink_to(bin_folder / "python")
    monkeypatch.setenv("PATH", str(other))
    started_as(monkeypatch, "/project/models/__main__.py")
    assert command("train") == f"'{bin_folder}/python' -m models train"


@pytest.mark.usefixtures("bin_folder")
@pytest.mark.parametrize("program", ["/x/ipykernel_launcher.py", "/x/pytest/__main__.py", ""])
def test_a_notebook_or_a_script_prints_the_installed_command(
    bin_folder: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    started_as(monkeypatch, program)
    monkeypatch.setenv("PATH", str(bin_folder))
    assert command("evaluate", "RUN") == "highway evaluate RUN"
    (bin_folder / "highway").unlink()
    assert command("evaluate", "RUN") == "highway evaluate RUN"
