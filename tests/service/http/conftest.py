"""One server and one bare application for all tests that leave no trace in them."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from service.classifier import Classifier
from tests.service.conftest import Recipe, application
from tests.service.http.talk import Ask, Held, listening, over_socket, through_asgi, way_to

MAX_BODY = 300_000


def tiny_application() -> FastAPI:
    return application(Classifier(Recipe().build()), max_body_bytes=MAX_BODY, max_rows=5)


@pytest.fixture(scope="session")
def port() -> Iterator[int]:
    with listening(tiny_application()) as port:
        yield port


@pytest.fixture(scope="session")
def by_socket(port: int) -> Ask:
    return over_socket(port)


@pytest.fixture(scope="session")
def by_asgi() -> Iterator[Ask]:
    with TestClient(tiny_application(), raise_server_exceptions=False) as client:
        yield through_asgi(client)


@pytest.fixture(params=["socket", "asgi"])
def way(request: pytest.FixtureRequest) -> str:
    """The name of a way; a test that asks for it runs once for each."""
    name: str = request.param
    return name


@pytest.fixture
def ask(way: str, by_socket: Ask, by_asgi: Ask) -> Ask:
    return by_socket if way == "socket" else by_asgi


@pytest.fixture
def held(content: bytes) -> Held:
    return Held(content)


@pytest.fixture
def ask_held(held: Held, way: str) -> Iterator[Ask]:
    """A way to a model of one's own that can be held; six rows may wait, four run together."""
    app = application(held, max_rows=6, queue_rows=6, run_rows=4)
    with way_to(app, way) as ask:
        yield ask
        held.free.set()
