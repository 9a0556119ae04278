"""All measurements of one network; contenders alternate, so that noise affects all of them."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass

from benchmarks.serving.alone import alone
from benchmarks.serving.arrivals import ARRIVALS
from benchmarks.serving.bodies import Body, random_rows
from benchmarks.serving.contenders import (
    DEF,
    PROJECT,
    SERVERS,
    V2_BINARY,
    V2_JSON,
    contenders,
)
from benchmarks.serving.footprint import idle_percent, start_seconds
from benchmarks.serving.gates import FORMATS, gate_cost
from benchmarks.serving.networks import Network
from benchmarks.serving.overload import overload
from benchmarks.serving.results import Cell, Footprint, Record
from benchmarks.serving.servers import Server, running
from benchmarks.serving.wrk import load

ROWS = (1, 32)
OVERLOADED = ((V2_JSON, 1), (V2_BINARY, 32), (DEF, 1))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Durations and repetitions of the measurements; wrk takes integer seconds only."""

    seconds: int = 4
    clients: tuple[int, ...] = (1, 16, 64)
    starts: int = 5
    idle_seconds: float = 30.0
    pairs: int = 8
    pair_seconds: int = 1
    percents: tuple[int, ...] = (50, 80, 100, 150, 300)
    arrivals: tuple[str, ...] = tuple(ARRIVALS)
    open_seconds: float = 3.0


class Session:
    """Measurements of both servers with one network, by a plan."""

    def __init__(self, network: Network, plan: Plan) -> None:
        self._network = network
        self._plan = plan
        self._contenders = contenders(network.name)
        self._servers: dict[str, Server] = {}

    def records(self, *, overloads: bool) -> Iterator[Record]:
        """Yield the records; those of the open loop only with `overloads`."""
        for rows in ROWS:
            yield alone(self._network, rows, seconds=self._plan.seconds / 2)
        starts = {name: self._start_seconds(name) for name in SERVERS}
        with ExitStack() as stack:
            for name, command in SERVERS.items():
                start = running(command, self._network.file, self._first(name))
                self._servers[name] = stack.enter_context(start)
            resident = self._resident_mb()
            capacity: dict[tuple[str, int], float] = {}
            for cell in self._cells():
                key = cell.contender, cell.rows
                capacity[key] = max(capacity.get(key, 0), cell.requests_per_second)
                yield cell
            yield from self._footprints(starts, resident)
            yield from self._gates()
            if overloads:
                yield from self._overloads(capacity)

    def _first(self, server: str) -> Body:
        """Return a request of one row for the server."""
        first = next(
            contender for contender in self._contenders.values() if contender.server == server
        )
        return first.body(random_rows(1, self._network.size))

    def _start_seconds(self, server: str) -> float:
        return start_seconds(
            SERVERS[server], self._network.file, self._first(server), starts=self._plan.starts
        )

    def _resident_mb(self) -> dict[str, float]:
        return {name: server.resident_mb() for name, server in self._servers.items()}

    def _cells(self) -> Iterator[Cell]:
        for rows in ROWS:
            values = random_rows(rows, self._network.size)
            for clients in self._plan.clients:
                for name, contender in self._contenders.items():
                    port, body = self._servers[contender.server].port, contender.body(values)
                    measured = load(port, body, clients=clients, seconds=self._plan.seconds)
                    yield Cell(
                        layers=self._network.layers,
                        contender=name,
                        rows=rows,
                        clients=clients,
                        **asdict(measured),
                    )

    def _footprints(
        self, starts: dict[str, float], started: dict[str, float]
    ) -> Iterator[Footprint]:
        loaded = self._resident_mb()
        idle = idle_percent(self._servers, self._plan.idle_seconds)
        for name in self._servers:
            yield Footprint(
                layers=self._network.layers,
                server=name,
                start_seconds=starts[name],
                resident_mb_started=started[name],
                resident_mb_loaded=loaded[name],
                idle_cpu_percent=idle[name],
            )

    def _gates(self) -> Iterator[Record]:
        pairs, seconds = self._plan.pairs, self._plan.pair_seconds
        for form in FORMATS:
            for rows in ROWS:
                yield gate_cost(
                    self._network,
                    self._servers[PROJECT],
                    form,
                    rows=rows,
                    pairs=pairs,
                    seconds=seconds,
                )

    def _overloads(self, capacity: dict[tuple[str, int], float]) -> Iterator[Record]:
        for name, rows in OVERLOADED:
            contender = self._contenders[name]
            for arrivals in self._plan.arrivals:
                for percent in self._plan.percents:
                    yield overload(
                        self._network,
                        self._servers[contender.server],
                        contender,
                        rows=rows,
                        capacity=capacity[name, rows],
                        percent=percent,
                        arrivals=arrivals,
                        seconds=self._plan.open_seconds,
                    )
