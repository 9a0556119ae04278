from pathlib import Path

import pytest

from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.networks import CONVOLUTIONAL, network
from service.settings import BUNDLED_MODEL


def test_a_network_that_cannot_be_trained_is_an_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BenchmarkError) as failure:
        network(tmp_path, "dense-7")
    assert str(failure.value) == ("python -m models train failed; see its output above")
    assert "dense-7" in capfd.readouterr().err


def test_the_convolutional_network_is_the_bundled_one(tmp_path: Path) -> None:
    result = network(tmp_path, CONVOLUTIONAL)
    assert (result.title, result.size, result.file) == ("convolutional", 784, BUNDLED_MODEL)


def test_an_existing_file_is_used(tmp_path: Path, artifact_path: Path) -> None:
    (tmp_path / "dense-4.onnx").write_bytes(artifact_path.read_bytes())
    result = network(tmp_path, "dense-4")
    assert (result.title, result.size, result.file) == ("dense-4", 64, tmp_path / "dense-4.onnx")
