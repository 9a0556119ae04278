"""How Triton is started from its wheel."""

import sys
from pathlib import Path

import pytest

from benchmarks.serving.rivals.triton import configuration, triton, write_repository
from service.settings import BUNDLED_MODEL


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An environment with the files of the wheel that the command needs, for this Python."""
    version = "{}.{}".format(*sys.version_info)
    server = tmp_path / "lib" / f"python{version}" / "site-packages" / "pytriton" / "tritonserver"
    (server / "backends" / "python").mkdir(parents=True)
    stub = server / "python_backend_stubs" / version / "triton_python_backend_stub"
    stub.parent.mkdir(parents=True)
    stub.write_text("the stub")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    return tmp_path


def test_the_command_serves_the_file_over_http_alone(environment: Path) -> None:
    command = triton(environment)(BUNDLED_MODEL, 8000)
    (site,) = environment.glob("lib/python3*/site-packages")
    assert command[:3] == ["env", f"MODEL={BUNDLED_MODEL}", f"SITE={site}"]
    assert command[3].startswith(f"LD_LIBRARY_PATH={site}/nvidia_pytriton.libs:/")
    assert command[4:] == [
        f"{site}/pytriton/tritonserver/bin/tritonserver",
        f"--model-repository={environment}/repository",
        f"--backend-directory={environment}/backends",
        *("--http-address=127.0.0.1", "--http-port=8000"),
        *("--allow-grpc=false", "--allow-metrics=false"),
    ]
    assert (environment / "repository" / "model" / "config.pbtxt").is_file()
    stub = environment / "backends" / "python" / "triton_python_backend_stub"
    assert stub.read_text() == "the stub"


def test_the_command_serves_grpc_on_its_port(environment: Path) -> None:
    command = triton(environment, 9001)(BUNDLED_MODEL, 8000)
    assert command[-3:] == ["--grpc-address=127.0.0.1", "--grpc-port=9001", "--allow-metrics=false"]


def test_the_configuration_names_the_input_and_all_outputs() -> None:
    text = configuration(BUNDLED_MODEL)
    assert 'input [{ name: "input", data_type: TYPE_FP32, dims: [784] }]' in text
    assert '{ name: "probabilities", data_type: TYPE_FP32, dims: [10] }' in text
    assert '{ name: "gate_mean", data_type: TYPE_FP32, dims: [8] }' in text


def test_the_repository_has_the_configuration_and_the_program(tmp_path: Path) -> None:
    write_repository(tmp_path, BUNDLED_MODEL)
    assert (tmp_path / "model" / "config.pbtxt").read_text() == configuration(BUNDLED_MODEL)
    assert "class TritonPythonModel" in (tmp_path / "model" / "1" / "model.py").read_text()
