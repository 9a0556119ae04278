"""The shared run, read once for all tests of the package."""

from pathlib import Path

import pytest

from export.trained_run import TrainedRun


@pytest.fixture(scope="session")
def run(run_path: Path) -> TrainedRun:
    return TrainedRun.read(run_path)
