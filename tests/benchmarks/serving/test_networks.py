from pathlib import Path

import pytest

from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.networks import network


def test_a_network_that_cannot_be_made_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BenchmarkError) as failure:
        network(tmp_path, 7)
    assert str(failure.value) == (
        "python -m models train: expected it to succeed, found what it says above"
    )
    assert "dense-7" in capfd.readouterr().err


def test_a_file_that_is_there_is_taken(tmp_path: Path, artifact_path: Path) -> None:
    (tmp_path / "dense-4.onnx").write_bytes(artifact_path.read_bytes())
    found = network(tmp_path, 4)
    assert (found.layers, found.size, found.file) == (4, 64, tmp_path / "dense-4.onnx")
