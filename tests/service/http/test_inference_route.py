"""What only a client that leaves shows; all else of this way is tested beside the other."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from service.http.inference_route import InferenceRoute
from service.http.reception import Reception
from service.http.routes import Routes
from service.inference.models import Models
from tests.service.conftest import application, served
from tests.service.http.talk import JSON, ROW, Connection, Held, listening, request, until

SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "POST",
    "headers": [(name.lower().encode(), value.encode()) for name, value in JSON.items()],
}


def route_to(models: Models) -> InferenceRoute:
    routes = Routes(models, max_rows=5, predict_route=None)
    return InferenceRoute(Reception(deadline_ms=None), routes, "predict", max_body_bytes=100)


async def call(route: InferenceRoute, receive: Callable[[], Any]) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await route(SCOPE, receive, send)
    return sent


def pending_and_left(models: Models) -> tuple[float, float]:
    total = models.default.statistics.total()
    return total.pending[0], total.rejected[6]


def test_the_question_of_a_client_that_left_is_dropped(held: Held) -> None:
    models = served(held)
    held.hold()

    async def leave_when_it_runs() -> None:
        models.start(asyncio.get_running_loop())
        arriving = iter([{"type": "http.request", "body": ROW}])

        async def receive() -> Message:
            message = next(arriving, None)
            if message is None:
                await asyncio.to_thread(held.running.wait, 5)
                return {"type": "http.disconnect"}
            return message

        with pytest.raises(ClientDisconnect):
            await call(route_to(models), receive)
        assert pending_and_left(models) == (0, 1)
        held.free.set()
        models.close()

    asyncio.run(leave_when_it_runs())


def test_a_client_that_leaves_before_its_body_is_whole_asks_nothing(held: Held) -> None:
    models = served(held)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(ClientDisconnect):
        asyncio.run(call(route_to(models), receive))
    assert pending_and_left(models) == (0, 0)


@pytest.mark.parametrize("path", ["/predict", "/predict?asgi"])
def test_rows_that_wait_for_a_client_that_left_are_never_run(held: Held, path: str) -> None:
    with listening(application(held)) as port, Connection(port) as staying:
        held.hold()
        staying.send(request(body=ROW))
        assert held.running.wait(5)
        with Connection(port) as leaving, Connection(port) as watching:
            leaving.send(request(path=path, body=b'{"instances": [[1,0,0,0],[1,0,0,0]]}'))

            def metric(line: str) -> bool:
                text = watching.send(request("GET", "/metrics", b"", {})).reply().body.decode()
                return any(found.startswith(line) for found in text.splitlines())

            until(lambda: metric('highway_pending_requests{model="tiny",version="1"} 2.0'))
            leaving.close()
            until(lambda: metric('highway_pending_requests{model="tiny",version="1"} 1.0'))
            held.free.set()
            assert staying.reply().status == 200
            assert metric(
                'highway_rejected_total{model="tiny",reason="client_left",version="1"} 1.0'
            )
            assert metric('highway_pending_requests{model="tiny",version="1"} 0.0')
    assert held.rows == 1
