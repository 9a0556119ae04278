from pathlib import Path

import uvloop

from benchmarks.request_cost.calls import Calls, count_calls
from benchmarks.request_cost.load import Cell, load
from benchmarks.request_cost.server import started


def calls(file: Path, connections: int) -> dict[str, Calls]:
    async def count() -> dict[str, Calls]:
        async with started(file) as server:
            with load(server, Cell(form="V2 JSON", rows=1, connections=connections)) as one:
                await one.run(0.1)
                return await count_calls(one)

    return uvloop.run(count())


def test_the_work_of_a_batch_is_divided_among_its_requests(file: Path) -> None:
    alone, together = calls(file, 1), calls(file, 8)
    assert alone["service.classifier"].python == 1
    assert together["service.classifier"].python == 1 / 8
    assert alone["service.http.cycles"] == together["service.http.cycles"]
    assert all(name.startswith("service.") for name in alone)
