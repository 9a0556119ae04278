"""Each client's script runs once against a real server; the tests read its report."""

import json
import subprocess
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks.serving.servers import free_port
from service.settings import BUNDLED_MODEL
from tests.clients.report import CONCURRENT, Report, Samples
from tests.conftest import ROOT
from tests.service.serving import serving

PYTHON = ROOT / ".venv-clients" / "bin" / "python"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of rows and gate scales."""
    random = np.random.default_rng(7)
    pixels = random.integers(0, 256, (3 + CONCURRENT, 784)).astype(np.float32)
    scales = random.uniform(0, 2, (4, 8)).astype(np.float32)
    folder = tmp_path_factory.mktemp("samples")
    np.save(folder / "rows.npy", pixels[:3] + np.float32(1 / 3))  # no short decimals
    np.save(folder / "many.npy", pixels[3:])
    np.save(folder / "one_scale.npy", scales[:1])
    np.save(folder / "scales.npy", scales[1:])
    return folder


@pytest.fixture(scope="session")
def samples(folder: Path) -> Samples:
    return Samples(folder)


@pytest.fixture(scope="session")
def ports() -> Generator[tuple[int, int]]:
    """The ports of a server for HTTP and for gRPC."""
    grpc_port = free_port()
    settings = {"HIGHWAY_THREADS": "1", "HIGHWAY_GRPC_PORT": str(grpc_port)}
    with serving(BUNDLED_MODEL, **settings) as (_, port):
        yield port, grpc_port


@pytest.fixture(scope="session")
def run_script(folder: Path, ports: tuple[int, int]) -> Callable[..., Report]:
    """Run a script of an HTTP client in the environment of the clients; gives its report."""
    return partial(_run, folder, ports[0])


@pytest.fixture(scope="session")
def run_grpc_script(folder: Path, ports: tuple[int, int]) -> Callable[..., Report]:
    """Run a script of a gRPC client likewise."""
    return partial(_run, folder, ports[1])


def _run(folder: Path, port: int, script: str, *arguments: str) -> Report:
    assert PYTHON.exists(), "the environment .venv-clients is missing; run `make test`"
    done = subprocess.run(
        [PYTHON, "-m", f"tests.clients.{script}", *arguments, f"127.0.0.1:{port}", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: Report = json.loads(done.stdout)
    return report
