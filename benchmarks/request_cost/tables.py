"""The tables of the page."""

from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from statistics import median

from benchmarks.request_cost.calls import Calls, count_calls
from benchmarks.request_cost.changes import Change, Replacement
from benchmarks.request_cost.differences import Difference, Plan, difference
from benchmarks.request_cost.features import ADDITIONS, FEATURES, NOISE
from benchmarks.request_cost.load import FORMS, Cell, load
from benchmarks.request_cost.network import batches
from benchmarks.request_cost.server import Server, started, written_access_log
from benchmarks.request_cost.stages import REST, STAGES
from benchmarks.serving.page import table

CONNECTIONS = (1, 16)
ONE, SIXTEEN, BINARY = (
    Cell(form="V2 JSON", rows=1, connections=1),
    Cell(form="V2 JSON", rows=1, connections=16),
    Cell(form="V2 binary", rows=1, connections=16),
)
MANY_ROWS = Cell(form="V2 binary", rows=32, connections=16)
# A request of the stages' cells arrives in one piece.
STAGE_CELLS, FEATURE_CELLS, CALL_CELLS = (
    (ONE, SIXTEEN, BINARY, MANY_ROWS),
    (ONE, SIXTEEN, BINARY),
    (ONE, SIXTEEN, BINARY),
)
BATCH_ROWS = (1, 16)
BENCHMARK = "the benchmark itself"
SUM = "all"
NEVER = "0.0 + 0.0"  # calls of a timer

Row = dict[str, object]


class Tables:
    """Measurements of one artifact, by a plan."""

    def __init__(self, file: Path, plan: Plan) -> None:
        self._file = file
        self._plan = plan

    async def all(self) -> AsyncIterator[tuple[str, str]]:
        """Yield each table with its name, as soon as it is complete."""
        with written_access_log():
            async with started(self._file) as server:
                with load(server, ONE) as one:
                    await one.run(self._plan.start)
                yield "whole", table([row async for row in self._whole(server)])
                yield "stages", table(await self._stages(server))
                yield "calls", table(await self._calls(server))
                yield "network", table(list(self._network()))
                features = [NOISE, *FEATURES]
                yield "features", table(await self._differences(server, features))
                yield "additions", table(await self._differences(server, ADDITIONS))

    async def _whole(self, server: Server) -> AsyncIterator[Row]:
        for form in FORMS:
            for rows in (1, 32):
                row: Row = {"request": form, "rows": rows}
                for connections in CONNECTIONS:
                    cell = Cell(form=form, rows=rows, connections=connections)
                    name = f"{connections} connection{'s' * (connections > 1)}"
                    row[name] = f"{await self._microseconds(server, cell):.1f} µs"
                yield row

    async def _microseconds(self, server: Server, cell: Cell) -> float:
        rounds = self._plan.counted
        with load(server, cell) as one:
            await one.run(rounds.warm)
            return median([await one.microseconds(rounds.seconds) for _ in range(rounds.pairs)])

    async def _stages(self, server: Server) -> list[Row]:
        columns = {cell: await self._stage_times(server, cell) for cell in STAGE_CELLS}
        stages = {stage.name: stage.how for stage in (*STAGES, REST)}
        rows: list[Row] = []
        for name in (*stages, BENCHMARK, SUM):
            row: Row = {"stage": name, "left out": stages.get(name, "–")}
            row.update({str(cell): f"{column[name]:.1f}" for cell, column in columns.items()})
            rows.append(row)
        return rows

    async def _stage_times(self, server: Server, cell: Cell) -> dict[str, float]:
        """Return the times in µs; the last stages are left out first, the rest last."""
        times: dict[str, float] = {}
        left_out: list[Replacement] = []
        for stage in (*reversed(STAGES), REST):
            found = await difference(server, self._file, cell, stage, self._plan, both=left_out)
            times[stage.name] = found.part
            left_out += stage.replacements(server)
        times[BENCHMARK] = found.server - found.part
        times[SUM] = sum(times.values())
        return times

    async def _calls(self, server: Server) -> list[Row]:
        columns = {}
        for cell in CALL_CELLS:
            with load(server, cell) as one:
                columns[cell] = await count_calls(one)
        modules = list(dict.fromkeys(name for column in columns.values() for name in column))
        rows: list[Row] = []
        for module in modules:
            row: Row = {"module": f"`{module}`"}
            for cell, column in columns.items():
                row[str(cell)] = _formatted(column[module]) if module in column else "–"
            rows.append(row)
        total: Row = {"module": "all"}
        for cell, column in columns.items():
            python = sum(calls.python for calls in column.values())
            total[str(cell)] = _formatted(
                Calls(python=python, c=sum(calls.c for calls in column.values()))
            )
        return [*[row for row in rows if set(row.values()) - {row["module"], "–", NEVER}], total]

    def _network(self) -> Iterable[Row]:
        columns = {rows: list(batches(self._file, rows, self._plan.usual)) for rows in BATCH_ROWS}
        for number, batch in enumerate(columns[BATCH_ROWS[0]]):
            row: Row = {"computed": batch.outputs}
            for rows, measured in columns.items():
                name = "batch of 1 row" if rows == 1 else f"batch of {rows} rows"
                row[name] = f"{measured[number].microseconds:.1f} µs"
            yield row

    async def _differences(self, server: Server, changes: Sequence[Change]) -> list[Row]:
        rows: list[Row] = []
        for change in changes:
            row: Row = {"feature": change.name, "changed": change.how}
            for cell in FEATURE_CELLS:
                found = await self._difference(server, cell, change)
                row[str(cell)] = f"{found.part:.2f} ± {found.uncertainty:.2f} ({found.share:.1%})"
            rows.append(row)
        return rows

    async def _difference(self, server: Server, cell: Cell, change: Change) -> Difference:
        return await difference(server, self._file, cell, change, self._plan)


def _formatted(calls: Calls) -> str:
    return f"{calls.python:.1f} + {calls.c:.1f}"
