import asyncio
import json
import signal
import socket
import sys
from pathlib import Path

import pytest

from service.server import health
from service.server.health import MAX_CONNECTIONS, HealthPort
from tests.conftest import ROOT
from tests.service.server.load import read_answer
from tests.service.serving import eventually, serving

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def send(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    response = await reader.read()
    writer.close()
    return response


@pytest.mark.parametrize(
    ("path", "ready", "status"),
    [("ready", True, 200), ("ready", False, 503), ("live", True, 200), ("live", False, 200)],
)
async def test_the_status_reports_health(path: str, ready: bool, status: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = HealthPort(lambda: ready)
        await port.start(listener)
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(b"GET /v2/health/%b HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode())
        answer = await read_answer(reader)
        assert (answer.status, answer.content, answer.closes) == (
            status,
            {"live": True, "ready": ready},
            True,
        )
        writer.close()
        port.close()


async def test_head_has_no_body_and_other_paths_are_404() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = HealthPort(lambda: True)
        await port.start(listener)
        number = listener.getsockname()[1]
        head = await send(number, b"HEAD /v2/health/live HTTP/1.0\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert head.endswith(b"\r\n\r\n")
        other = await send(number, b"POST /predict HTTP/1.1\r\n\r\n")
        for response in (head, other):  # as the other JSON of the server
            assert b"\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n" in response
        assert other.startswith(b"HTTP/1.1 404 Not Found\r\n")
        assert other.endswith(
            b'{"error": "path: expected GET /v2/health/live or GET /v2/health/ready, '
            b'found another"}'
        )
        port.close()


async def test_clients_that_send_nothing_do_not_keep_others_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "READ_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
        port = HealthPort(lambda: True)
        await port.start(listener)
        silent = [socket.create_connection(listener.getsockname()) for _ in range(MAX_CONNECTIONS)]
        await asyncio.sleep(0.05)
        response = await send(listener.getsockname()[1], b"GET /v2/health/live HTTP/1.1\r\n\r\n")
        assert response.startswith(b"HTTP/1.1 200")
        too_long = await send(listener.getsockname()[1], b"GET /" + b"a" * 20_000)
        assert too_long == b""
        for client in silent:
            client.close()
        port.close()


async def test_the_port_answers_while_the_server_leaves_service(file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    settings = {"HIGHWAY_HEALTH_PORT": str(number), "HIGHWAY_DRAIN_DELAY_SECONDS": "1"}

    def status() -> bytes:
        request = b"GET /v2/health/ready HTTP/1.1\r\n\r\n"
        with socket.create_connection(("127.0.0.1", number), timeout=2) as client:
            client.sendall(request)
            return client.recv(12)

    with serving(file, **settings) as (process, _):
        assert status() == b"HTTP/1.1 200"
        process.send_signal(signal.SIGTERM)
        eventually(lambda: status() == b"HTTP/1.1 503")
        assert process.wait(timeout=5) == 0


async def test_the_images_health_check_runs_and_depends_on_life_alone() -> None:
    text = (ROOT / "Dockerfile").read_text()
    check = text.partition("HEALTHCHECK")[2].partition("CMD ")[2].splitlines()[0]
    words = [sys.executable, *json.loads(check)[1:]]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = HealthPort(lambda: False)
        await port.start(listener)
        number = str(listener.getsockname()[1])
        for environment, code in (({"HIGHWAY_HEALTH_PORT": number}, 0), ({}, 1)):
            process = await asyncio.create_subprocess_exec(
                *words, env=environment, stderr=asyncio.subprocess.DEVNULL
            )
            assert await process.wait() == code
        port.close()
