from pathlib import Path

import pytest

from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.networks import network


def test_a_network_that_cannot_be_trained_is_an_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BenchmarkError) as failure:
        network(tmp_path, 7)
    assert str(failure.value) == ("python -m models train failed; see its output above")
    assert "dense-7" in capfd.readouterr().err


def test_an_existing_file_is_used(tmp_path: Path, artifact_path: Path) -> None:
    (tmp_path / "dense-4.onnx").write_bytes(artifact_path.read_bytes())
    result = network(tmp_path, 4)
    assert (result.layers, result.size, result.file) == (4, 64, tmp_path / "dense-4.onnx")
