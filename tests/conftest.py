"""What several test files share: one small run, trained and exported once by the real commands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

os.environ["HIGHWAY_LEDGER_URL"] = "off"  # else servers would write into the home of who tests


def command(*arguments: str | Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run `python -m …` from the project's folder, as a user does."""
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.fixture(scope="session")
def run_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory: 8×8 digits, three highway layers of eight units, two epochs."""
    path = tmp_path_factory.mktemp("runs") / "digits"
    done = command(
        *("models", "train", "digits", "--out", path),
        *("--depth", "4", "--width", "8", "--epochs", "2", "--seed", "1"),
    )
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="session")
def artifact_path(run_path: Path) -> Path:
    """The same run as an artifact."""
    path = run_path.parent / "digits.onnx"
    done = command("export", "onnx", run_path, path)
    assert done.returncode == 0, done.stderr
    return path
