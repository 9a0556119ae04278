"""Each client's script runs once against a real server; its tests read what it was told."""

import json
import subprocess
from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
import pytest

from service.settings import BUNDLED_MODEL
from tests.clients.telling import AT_ONCE, Questions, Told
from tests.conftest import ROOT
from tests.service.test_server import serving

PYTHON = ROOT / ".venv-clients" / "bin" / "python"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of rows and gate scales to ask about."""
    random = np.random.default_rng(7)
    pixels = random.integers(0, 256, (3 + AT_ONCE, 784)).astype(np.float32)
    scales = random.uniform(0, 2, (4, 8)).astype(np.float32)
    folder = tmp_path_factory.mktemp("questions")
    np.save(folder / "rows.npy", pixels[:3] + np.float32(1 / 3))  # no short decimals
    np.save(folder / "many.npy", pixels[3:])
    np.save(folder / "one_scale.npy", scales[:1])
    np.save(folder / "scales.npy", scales[1:])
    return folder


@pytest.fixture(scope="session")
def questions(folder: Path) -> Questions:
    return Questions(folder)


@pytest.fixture(scope="session")
def asked(folder: Path) -> Generator[Callable[..., Told]]:
    """Run the script of these words in the clients' environment; gives what it was told."""
    assert PYTHON.exists(), "expected the environment .venv-clients, found none; run `make test`"

    with serving(BUNDLED_MODEL, HIGHWAY_THREADS="1") as (_, port):

        def ask(script: str, *words: str) -> Told:
            done = subprocess.run(
                [PYTHON, "-m", f"tests.clients.{script}", *words, f"127.0.0.1:{port}", folder],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            told: Told = json.loads(done.stdout)
            return told

        yield ask
