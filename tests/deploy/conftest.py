"""Two replicas of the service as compose.yaml starts them, nginx and Prometheus."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.compose_file import prepare, resolved
from tests.deploy.monitoring import Prometheus, scraping
from tests.deploy.proxy import Proxy, proxying
from tests.postgresql import new_database
from tests.reliability.processes import BUNDLED, Server, running

# What cannot be as in a container: the replicas share one machine, and nginx has its own address.
# Other tests send thousands of rows, beside which a row would be left out of the ledger.
HERE = {
    "HIGHWAY_LEDGER_RATE": "1000000",
    "HIGHWAY_HOST": "127.0.0.1",
    "HIGHWAY_HEALTH_PORT": "0",
    "HIGHWAY_TRUSTED_PROXIES": "127.0.0.1",
}


@dataclass(frozen=True)
class Replicas:
    """Both replicas, the files of their models, and the URL of their ledger."""

    servers: tuple[Server, Server]
    models: tuple[Path, Path]
    ledger_url: str

    @property
    def ports(self) -> tuple[int, int]:
        return self.servers[0].port, self.servers[1].port


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `prepare` has made `.env` and `secrets/`."""
    folder = tmp_path_factory.mktemp("compose")
    done = prepare(folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def secrets(prepared: Path) -> Path:
    return prepared / "secrets"


@pytest.fixture(scope="session")
def replica_settings(prepared: Path) -> dict[str, str]:
    """The environment of a replica in compose.yaml, without what a machine of its own needs."""
    services = resolved(env_file=prepared / ".env")["services"]
    first, second = (services[f"service-{number}"]["environment"] for number in (1, 2))
    assert first == second
    environment: dict[str, str] = {**first, **HERE}
    del environment["HIGHWAY_PORT"]
    return environment


@pytest.fixture(scope="session")
def replicas(
    replica_settings: dict[str, str],
    postgresql_server: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Replicas]:
    """Two replicas that write to one ledger in PostgreSQL, each with a file of its own."""
    folder = tmp_path_factory.mktemp("models")
    models = folder / "1.onnx", folder / "2.onnx"
    with ExitStack() as stack:
        url = stack.enter_context(new_database(postgresql_server))
        settings = {**replica_settings, "HIGHWAY_LEDGER_URL": url}
        for model in models:
            shutil.copy(BUNDLED, model)
        first, second = (stack.enter_context(running(model, settings=settings)) for model in models)
        yield Replicas((first, second), models, url)


@pytest.fixture(scope="session")
def proxy(
    replicas: Replicas, prepared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """The proxy in front of both replicas."""
    folder = tmp_path_factory.mktemp("nginx")
    with proxying(folder, prepared / "secrets", *replicas.ports) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def prometheus(
    replicas: Replicas, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """Prometheus with the rules of deploy/, which scrapes both replicas every second."""
    with scraping(tmp_path_factory.mktemp("prometheus"), *replicas.ports) as prometheus:
        yield prometheus


@pytest.fixture(scope="session")
def kubernetes_validate() -> Any:
    """The module; its import takes seconds, which only a worker that uses it spends."""
    return import_module("kubernetes_validate")
