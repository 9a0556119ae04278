"""The command `highway` finds the command of every package and imports only what it runs."""

import re
import subprocess
import sys

import pytest

from service import __version__
from service.console import COMMANDS, GROUPS
from tests.conftest import ROOT

HEAVY = ("torch", "onnx", "onnxruntime", "lightning", "fastapi", "pydantic", "numpy", "typer")


def highway(*arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
    script = f"import sys\n{before}\nfrom service.console import main\nmain()"
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_lists_every_command_in_groups() -> None:
    done = highway("--help")
    assert done.returncode == 0
    assert [title for title in GROUPS if f"{title}:" in done.stdout] == list(GROUPS)
    assert len(GROUPS) == 4
    listed = re.findall(r"^  (\w+) +\S", done.stdout, flags=re.MULTILINE)
    assert listed == list(COMMANDS)
    assert highway().stdout == done.stdout


def test_help_imports_no_heavy_library() -> None:
    done = highway("--help", before=f"for name in {HEAVY!r}: sys.modules[name] = None")
    assert done.returncode == 0, done.stderr


def test_the_version_is_that_of_the_package() -> None:
    assert highway("--version").stdout == f"highway {__version__}\n"


@pytest.mark.parametrize("name", ["presets", "show", "check", "predict", "drift", "score"])
def test_a_command_of_each_package_shows_its_own_help(name: str) -> None:
    done = highway(name, "--help")
    assert done.returncode == 0, done.stderr
    assert f"Usage: highway {name}" in done.stdout


def test_an_unknown_command_is_an_error() -> None:
    done = highway("fly")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: expected a command, found 'fly'; `highway --help` lists the commands\n"
    )


@pytest.mark.parametrize(
    ("name", "argument", "missing", "install"),
    [
        ("evaluate", "run", "safetensors", "pip install 'highway-networks[train]'"),
        ("verify", "model.onnx", "onnx", "pip install 'highway-networks[train]'"),
        ("predict", "--help", "highway_client", "pip install highway-client"),
        ("score", "--help", "pyarrow", "pip install 'highway-networks[score]'"),
    ],
)
def test_a_missing_package_is_an_error_that_says_how_to_install_it(
    name: str, argument: str, missing: str, install: str
) -> None:
    done = highway(name, argument, before=f"sys.modules[{missing!r}] = None")
    assert (done.returncode, done.stderr) == (
        1,
        f"error: highway {name}: expected the package {missing!r}, found none; install it with "
        f"`{install}`\n",
    )
