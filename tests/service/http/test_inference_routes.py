import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from service.classifier import Classifier
from service.errors import UnknownModelError
from service.http.endpoints import InferEndpoint, PredictEndpoint
from service.http.inference_routes import InferenceRoute, Routes
from service.http.request_policy import RequestPolicy
from service.inference.models import Models
from service.inference.statistics import REASONS
from tests.service.conftest import METADATA, Recipe, application, served
from tests.service.http.transport import (
    BOTH_PATHS,
    JSON,
    ROW,
    BlockingClassifier,
    Connection,
    listening,
    request,
    until,
)

SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "POST",
    "headers": [(name.lower().encode(), value.encode()) for name, value in JSON.items()],
}


@pytest.fixture
def models() -> Models:
    """Two versions of one model, and another model."""
    metadata = [
        METADATA,
        replace(METADATA, version="2"),
        replace(METADATA, name="other", version="beta"),
    ]
    return served(*[Classifier(Recipe(metadata=one).build()) for one in metadata])


@pytest.fixture
def routes(models: Models) -> Routes:
    return Routes(models, max_rows=5, predict_route="/invocations")


def test_every_path_of_every_model_can_be_looked_up(routes: Routes) -> None:
    assert set(routes.exact) == {
        *(b"/predict", b"/invocations"),
        *(b"/v1/models/tiny:predict", b"/v2/models/tiny/infer"),
        *(b"/v1/models/tiny/versions/1:predict", b"/v2/models/tiny/versions/1/infer"),
        *(b"/v1/models/tiny/versions/2:predict", b"/v2/models/tiny/versions/2/infer"),
        *(b"/v1/models/other:predict", b"/v2/models/other/infer"),
        *(b"/v1/models/other/versions/beta:predict", b"/v2/models/other/versions/beta/infer"),
    }


@pytest.mark.parametrize(
    ("path", "kind", "version"),
    [
        (b"/predict", PredictEndpoint, "beta"),  # of the first model by name
        (b"/v1/models/tiny:predict", PredictEndpoint, "2"),  # the newest version
        (b"/v2/models/tiny/infer", InferEndpoint, "2"),
        (b"/v2/models/tiny/versions/1/infer", InferEndpoint, "1"),
        (b"/v2/models/other/infer", InferEndpoint, "beta"),
    ],
)
def test_a_path_leads_to_its_model(routes: Routes, path: bytes, kind: type, version: str) -> None:
    endpoint = routes.exact[path].choose()
    assert isinstance(endpoint, kind)
    assert endpoint.model.metadata.version == version


def test_there_is_no_additional_path_by_default(models: Models) -> None:
    routes = Routes(models, max_rows=5, predict_route=None)
    assert b"/invocations" not in routes.exact
    assert "/invocations" not in routes.patterns


def test_a_path_that_needs_escapes_is_left_to_the_application(models: Models) -> None:
    routes = Routes(models, max_rows=5, predict_route="/fragen/größe")
    assert all(path.isascii() for path in routes.exact)
    assert routes.patterns["/fragen/größe"] is PredictEndpoint


def test_there_is_one_endpoint_of_each_kind_for_a_model(routes: Routes) -> None:
    endpoint = routes.target(InferEndpoint, "tiny", "2")
    assert routes.target(InferEndpoint, "tiny") is endpoint
    assert routes.target(PredictEndpoint, "tiny") is not endpoint


@pytest.mark.parametrize("names", [("SECRET",), ("other", "1"), ("tiny", "3")])
def test_a_model_that_is_not_served_has_no_endpoint(routes: Routes, names: tuple[str, ...]) -> None:
    with pytest.raises(UnknownModelError) as error:
        routes.target(InferEndpoint, *names)
    assert "SECRET" not in str(error.value)


async def call(models: Models, receive: Callable[[], Any]) -> list[Message]:
    """Call the ASGI endpoint of `/predict`; return what it sends."""
    routes = Routes(models, max_rows=5, predict_route=None)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await InferenceRoute(RequestPolicy(deadline_ms=None), routes, PredictEndpoint)(
        SCOPE, receive, send
    )
    return sent


def pending_and_disconnected(models: Models) -> tuple[float, float]:
    total = models.default.statistics.total()
    return total.pending[0], total.rejected[REASONS.index("client_disconnected")]


def test_the_request_of_a_disconnected_client_is_cancelled(blocking: BlockingClassifier) -> None:
    models = served(blocking)
    blocking.block()

    async def disconnect_during_the_batch() -> None:
        models.start(asyncio.get_running_loop())
        arriving = iter([{"type": "http.request", "body": ROW}])

        async def receive() -> Message:
            message = next(arriving, None)
            if message is None:
                await asyncio.to_thread(blocking.running.wait, 5)
                return {"type": "http.disconnect"}
            return message

        with pytest.raises(ClientDisconnect):
            await call(models, receive)
        assert pending_and_disconnected(models) == (0, 1)
        blocking.released.set()
        models.close()

    asyncio.run(disconnect_during_the_batch())


def test_a_client_that_disconnects_before_its_body_is_complete_queues_nothing(
    blocking: BlockingClassifier,
) -> None:
    models = served(blocking)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def disconnect() -> None:
        models.start(asyncio.get_running_loop())  # otherwise there is no room for any request
        try:
            await call(models, receive)
        finally:
            models.close()

    with pytest.raises(ClientDisconnect):
        asyncio.run(disconnect())
    assert pending_and_disconnected(models) == (0, 0)


@BOTH_PATHS
def test_queued_rows_of_a_client_that_resets_its_connection_are_never_computed(
    blocking: BlockingClassifier, path: str
) -> None:
    with listening(application(blocking)) as port, Connection(port) as staying:
        blocking.block()
        staying.send(request(body=ROW))
        assert blocking.running.wait(5)
        with Connection(port) as leaving, Connection(port) as watching:
            leaving.send(request(path=path, body=b'{"instances": [[1,0,0,0],[1,0,0,0]]}'))

            def metric(start: str) -> bool:
                text = watching.send(request("GET", "/metrics", b"", {})).receive().body.decode()
                return any(line.startswith(start) for line in text.splitlines())

            until(lambda: metric('highway_pending_requests{model="tiny",version="1"} 2.0'))
            leaving.reset()
            until(lambda: metric('highway_pending_requests{model="tiny",version="1"} 1.0'))
            blocking.released.set()
            assert staying.receive().status == 200
            assert metric(
                'highway_rejected_total{model="tiny",reason="client_disconnected",version="1"} 1.0'
            )
            assert metric('highway_pending_requests{model="tiny",version="1"} 0.0')
    assert blocking.rows == 1
