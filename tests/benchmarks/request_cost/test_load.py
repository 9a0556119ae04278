import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
import uvloop

from benchmarks.request_cost import load as module
from benchmarks.request_cost.changes import replaced
from benchmarks.request_cost.load import FORMS, Cell, load
from benchmarks.request_cost.server import Server, started
from benchmarks.serving.errors import BenchmarkError
from service.http.protocol import HttpProtocol

T = TypeVar("T")
CELL = Cell(form="V2 JSON", rows=1, connections=3)


def with_server(file: Path, use: Callable[[Server], Awaitable[T]]) -> T:
    async def serve() -> T:
        async with started(file) as server:
            return await use(server)

    return uvloop.run(serve())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rows", [1, 32])
def test_every_request_gets_its_response_and_is_counted(file: Path, form: str, rows: int) -> None:
    cell = Cell(form=form, rows=rows, connections=3)

    async def count(server: Server) -> tuple[int, float, float]:
        with load(server, cell) as one:
            requests = await one.run(0.02)
            counters = server.model.statistics.total()
            return requests, counters.phases[0, 0], counters.rows[0]

    requests, succeeded, counted_rows = with_server(file, count)
    assert requests % 3 == 0
    assert requests == succeeded
    assert counted_rows == requests * rows


def test_requests_of_one_round_are_one_batch(file: Path) -> None:
    async def batches(server: Server) -> float:
        with load(server, CELL) as one:
            await one.round()
            await one.round()
        return float(server.model.statistics.total().batches[3, 0])

    assert with_server(file, batches) == 2


def test_the_processor_time_is_that_of_one_request(file: Path) -> None:
    async def measure(server: Server) -> list[float]:
        with load(server, CELL) as one:
            return [
                await one.microseconds(0.05),
                await one.microseconds(0.05, postponed=False, idle_seconds=0.01),
            ]

    assert all(1 < time < 20_000 for time in with_server(file, measure))


def test_a_refusal_ends_the_benchmark(file: Path) -> None:
    async def send(server: Server) -> None:
        body = replace(CELL.body(server), content=b"{}")
        with load(server, CELL, body) as one:
            await one.round()

    expected = "response: expected the status 200, found 'HTTP/1.1 400 Bad Request'"
    with pytest.raises(BenchmarkError, match=expected):
        with_server(file, send)


def test_a_server_that_does_not_respond_ends_the_benchmark(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.05)

    async def send(server: Server) -> None:
        silent = [(HttpProtocol, "data_received", lambda *_: None)]
        with replaced(silent), load(server, CELL) as one:
            await one.run(0)

    with pytest.raises(BenchmarkError, match=r"request: no response in 0\.05 s"):
        with_server(file, send)


def test_a_cell_is_a_heading() -> None:
    assert str(CELL) == "V2 JSON, 1 row, 3 connections"
    assert str(Cell(form="/predict", rows=32, connections=1)) == "/predict, 32 rows, 1 connection"


def test_closed_connections_are_forgotten(file: Path) -> None:
    async def remaining(server: Server) -> int:
        with load(server, CELL) as one:
            assert len(server.server_state.connections) == one.connections == 3
        await asyncio.sleep(0)
        return len(server.server_state.connections)

    assert with_server(file, remaining) == 0
