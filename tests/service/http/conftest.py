"""One server and one bare application, shared by all tests that leave no state in them."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from service.classifier import Classifier
from tests.service.conftest import Recipe, application
from tests.service.http.transport import (
    BlockingClassifier,
    Send,
    client_for,
    listening,
    over_socket,
    through_asgi,
)

MAX_BODY = 300_000


def tiny_application() -> FastAPI:
    return application(Classifier(Recipe().build()), max_body_bytes=MAX_BODY, max_rows=5)


@pytest.fixture(scope="session")
def port() -> Iterator[int]:
    with listening(tiny_application()) as port:
        yield port


@pytest.fixture(scope="session")
def send_by_socket(port: int) -> Send:
    return over_socket(port)


@pytest.fixture(scope="session")
def send_by_asgi() -> Iterator[Send]:
    with TestClient(tiny_application(), raise_server_exceptions=False) as client:
        yield through_asgi(client)


@pytest.fixture(params=["socket", "asgi"])
def transport(request: pytest.FixtureRequest) -> str:
    """The name of a transport; a test that uses it runs once for each."""
    name: str = request.param
    return name


@pytest.fixture
def send(transport: str, send_by_socket: Send, send_by_asgi: Send) -> Send:
    return send_by_socket if transport == "socket" else send_by_asgi


@pytest.fixture
def blocking(content: bytes) -> BlockingClassifier:
    return BlockingClassifier(content)


@pytest.fixture
def send_blocking(blocking: BlockingClassifier, transport: str) -> Iterator[Send]:
    """Send to a model that can be blocked; its queue holds six rows, a batch four."""
    app = application(blocking, max_rows=6, max_queue_rows=6, max_batch_rows=4)
    with client_for(app, transport) as send:
        yield send
        blocking.released.set()
