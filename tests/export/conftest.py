"""The shared run, read once for all tests of the package, and torch's table of operators."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from torch.onnx._internal.exporter._registration import ONNXRegistry

from export.trained_run import TrainedRun


@pytest.fixture(scope="session", autouse=True)
def registry() -> Iterator[None]:
    """Torch's table of ONNX operators, built once: it is the same in each export.

    To build it takes a fifth of an export. The commands in processes of their own build theirs.
    """
    with pytest.MonkeyPatch.context() as patch:
        kept = staticmethod(cache(ONNXRegistry.from_torchlib))
        patch.setattr(ONNXRegistry, "from_torchlib", kept)
        yield


@pytest.fixture(scope="session")
def run(run_path: Path) -> TrainedRun:
    return TrainedRun.read(run_path)
