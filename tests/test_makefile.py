"""`make` ends with one sentence if Python cannot build the environments."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


def make_serve(folder: Path, change: str) -> subprocess.CompletedProcess[str]:
    """Run `make serve` in a copy, with a Python that executes `change` before its command."""
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    python = folder / "python"
    python.write_text(
        f"""#!/bin/sh\nexec {sys.executable} -c 'import sys; {change}; exec(sys.argv[2])' "$@"\n"""
    )
    python.chmod(0o755)
    return subprocess.run(
        ["make", "serve", f"PYTHON={python}"],
        cwd=folder,
        env={**os.environ, "MAKEFLAGS": "", "MAKELEVEL": "0"},  # `make test` may run this test
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            'sys.version = "3.9.0 (main)"; sys.version_info = (3, 9, 0)',
            "error: expected Python 3.11 or later, found 3.9.0; "
            "choose one with `make PYTHON=python3.12 …`",
        ),
        (
            'sys.modules["ensurepip"] = None',
            "error: expected Python's module venv, found none; "
            "install it, on Debian and Ubuntu with `apt install python3-venv`",
        ),
    ],
    ids=["old", "without venv"],
)
def test_an_unsuitable_python_is_refused_with_one_sentence(
    tmp_path: Path, change: str, message: str
) -> None:
    done = make_serve(tmp_path, change)
    assert done.returncode == 2
    first, *rest = done.stderr.splitlines()
    assert first == message
    assert all(line.startswith("make: ") for line in rest)
    assert not list(tmp_path.glob(".venv*"))
