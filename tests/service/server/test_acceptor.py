"""Workers share a listener; the tests have two acceptors in one process instead of two workers."""

import asyncio
import os
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvloop

from service.server.acceptor import KEY, Acceptor
from service.shared_counters import SharedCounters
from tests.conftest import ROOT

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


class Layout:
    size = 1


class Connection(asyncio.Protocol):
    """A protocol that registers itself, as this server's does."""

    def __init__(self, connections: set["Connection"]) -> None:
        self.connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.connections.discard(self)


class Worker:
    """An acceptor with its connections and counters."""

    def __init__(self, listener: socket.socket, folder: Path) -> None:
        self.connections: set[Connection] = set()
        # A socket of its own, since an event loop has one reader for each.
        self.listener = listener.dup()
        self.acceptor = Acceptor(
            self.listener,
            lambda: Connection(self.connections),
            self.connections,
            SharedCounters(folder),
        )

    async def stop(self) -> None:
        self.acceptor.close()
        for connection in list(self.connections):
            connection.transport.close()
        await until(lambda: not self.connections)
        self.listener.close()


@asynccontextmanager
async def workers(folder: Path, count: int) -> AsyncIterator[tuple[list[Worker], socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = [Worker(listener, folder) for _ in range(count)]
        try:
            yield made, listener
        finally:
            for worker in made:
                await worker.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


def connect(listener: socket.socket, count: int) -> list[socket.socket]:
    return [socket.create_connection(listener.getsockname()) for _ in range(count)]


def run(
    make_loop: Callable[[], asyncio.AbstractEventLoop], test: Coroutine[Any, Any, None]
) -> None:
    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(test)


@pytest.fixture(params=LOOPS, ids=["asyncio", "uvloop"])
def make_loop(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    chosen: Callable[[], asyncio.AbstractEventLoop] = request.param
    return chosen


def test_connections_that_are_opened_at_once_are_shared(
    tmp_path: Path, make_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def scenario() -> None:
        async with workers(tmp_path, 2) as ((first, second), listener):
            clients = connect(listener, 40)
            await until(lambda: len(first.connections) + len(second.connections) == 40)
            assert abs(len(first.connections) - len(second.connections)) <= 5
            for client in clients:
                client.close()

    run(make_loop, scenario())


def test_a_worker_that_hangs_delays_connections_and_loses_none(
    tmp_path: Path, make_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def scenario() -> None:
        # It has no connection and accepts none.
        SharedCounters(tmp_path).segment(KEY, Layout())
        async with workers(tmp_path, 1) as ((worker,), listener):
            clients = connect(listener, 40)
            await until(lambda: len(worker.connections) == 40)
            for client in clients:
                client.close()

    run(make_loop, scenario())


def test_a_worker_that_has_ended_is_not_waited_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        np.zeros(1).tofile(tmp_path / f"{KEY}@{ended.pid}-00000000")
        async with workers(tmp_path, 1) as ((worker,), listener):
            clients = connect(listener, 8)
            # Without a wait each connection takes one iteration of the event loop.
            for _ in range(30):
                await asyncio.sleep(0)
            assert len(worker.connections) == 8
            for client in clients:
                client.close()

    run(asyncio.new_event_loop, scenario())


def test_the_number_of_connections_is_published(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with workers(tmp_path, 1) as ((worker,), listener):
            (client,) = connect(listener, 1)
            await until(lambda: len(worker.connections) == 1)
            worker.acceptor.publish()
            segments = SharedCounters(tmp_path).segments(KEY, Layout())
            assert [segment.tolist() for segment, _ in segments] == [[1.0]]
            client.close()

    run(asyncio.new_event_loop, scenario())


def test_an_acceptor_that_closes_accepts_the_connections_that_wait_and_nothing_more(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        SharedCounters(tmp_path).segment(KEY, Layout())
        async with workers(tmp_path, 1) as ((worker,), listener):
            clients = connect(listener, 8)
            await until(lambda: len(worker.connections) == 2)
            worker.acceptor.close()  # while it waits for the other worker
            await worker.acceptor.wait_open(1)
            assert len(worker.connections) == 8
            clients += connect(listener, 1)
            await asyncio.sleep(0.05)
            assert len(worker.connections) == 8
            for client in clients:
                client.close()

    run(asyncio.new_event_loop, scenario())


def test_workers_that_share_the_listener_stop_without_a_traceback(artifact_path: Path) -> None:
    command = [sys.executable, "-m", "service", "serve", str(artifact_path), "--port", "0"]
    process = subprocess.Popen(
        [*command, "--workers", "2"],
        cwd=ROOT,
        env={**os.environ, "HIGHWAY_LEDGER_URL": "off"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert any("serving" in line for line in process.stderr)
    process.terminate()
    assert "Traceback" not in process.stderr.read()
    assert process.wait() == 0
    process.stderr.close()


def test_an_exhausted_limit_of_files_is_logged_and_passes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with workers(tmp_path, 1) as ((worker,), listener):
            (client,) = connect(listener, 1)
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            free = os.dup(client.fileno())  # the next number
            os.close(free)
            resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
            try:
                await until(lambda: bool(caplog.messages))
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            await until(lambda: len(worker.connections) == 1)
            client.close()

    run(asyncio.new_event_loop, scenario())
    assert caplog.messages == ["a connection cannot be accepted: [Errno 24] Too many open files"]
