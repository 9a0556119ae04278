"""All measurements of one network; contenders alternate, so that noise affects all of them."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPException
from subprocess import SubprocessError

from benchmarks.serving.alone import alone
from benchmarks.serving.answers import ROWS, check
from benchmarks.serving.arrivals import ARRIVALS
from benchmarks.serving.bodies import Body, random_rows
from benchmarks.serving.contenders import DEF, PROJECT, V2_BINARY, V2_JSON, contenders
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.footprint import (
    MeasuredLoad,
    idle_percent,
    load_with_cpu_time,
    start_seconds,
)
from benchmarks.serving.gates import FORMATS, gate_cost
from benchmarks.serving.networks import CONVOLUTIONAL, Network
from benchmarks.serving.overload import overload
from benchmarks.serving.results import Cell, Footprint, LeftOut, Record
from benchmarks.serving.servers import Command, Server, running

# Of a rival: it does not start, stops to respond, or responds otherwise.
FAILURES = (BenchmarkError, OSError, HTTPException, SubprocessError)
OVERLOADED = ((V2_JSON, 1), (V2_BINARY, 32), (DEF, 1))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Networks, durations and repetitions; wrk takes integer seconds only."""

    # Overloads are measured with the last: only a deep network makes the server slower than the
    # client.
    networks: tuple[str, ...] = ("dense-10", CONVOLUTIONAL, "dense-100")
    clients: tuple[int, ...] = (1, 16, 64)
    rounds: int = 5
    seconds: int = 1
    starts: int = 3
    idle_seconds: float = 10.0
    pairs: int = 5
    percents: tuple[int, ...] = (50, 100, 150, 300)
    arrivals: tuple[str, ...] = tuple(ARRIVALS)
    open_seconds: float = 3.0


class Session:
    """Measurements of all servers with one network, by a plan.

    A rival that fails is left out from then on; a failure of this project's server is an error.
    """

    def __init__(self, network: Network, plan: Plan, commands: Mapping[str, Command]) -> None:
        self._network = network
        self._plan = plan
        self._commands = commands
        self._contenders = {
            name: contender
            for name, contender in contenders(network.name).items()
            if contender.server in commands
        }
        self._servers: dict[str, Server] = {}

    def records(self, *, overloads: bool) -> Iterator[Record]:
        """Yield the records; those of the open loop only with `overloads`."""
        for rows in ROWS:
            yield alone(self._network, rows, seconds=2 * self._plan.seconds)
        starts: dict[str, float] = {}
        with ExitStack() as stack:
            for name, command in self._commands.items():
                try:
                    starts[name] = self._start_seconds(name)
                    start = running(command, self._network.file, self._first(name))
                    self._servers[name] = stack.enter_context(start)
                    self._check(name)
                except FAILURES as error:
                    yield self._leave_out(name, error)
            resident = self._resident_mb()
            capacity: dict[tuple[str, int], float] = {}
            for record in self._cells():
                if isinstance(record, Cell):
                    key = record.contender, record.rows
                    capacity[key] = max(capacity.get(key, 0), record.requests_per_second)
                yield record
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
            self._commands[server],
            self._network.file,
            self._first(server),
            starts=self._plan.starts,
        )

    def _check(self, server: str) -> None:
        for contender in self._contenders.values():
            if contender.server == server:
                check(contender, self._servers[server], self._network)

    def _leave_out(self, server: str, error: Exception) -> LeftOut:
        """Measure this rival no more."""
        if server == PROJECT:
            raise error
        self._servers.pop(server, None)
        self._contenders = {
            name: contender
            for name, contender in self._contenders.items()
            if contender.server != server
        }
        # The messages of other errors contain commands and paths of this machine.
        reason = str(error) if isinstance(error, BenchmarkError) else type(error).__name__
        return LeftOut(sentence=f"{server} is left out with {self._network.title}: {reason}.")

    def _resident_mb(self) -> dict[str, float]:
        return {name: server.resident_mb() for name, server in self._servers.items()}

    def _cells(self) -> Iterator[Cell | LeftOut]:
        for rows in ROWS:
            for clients in self._plan.clients:
                yield from self._paired(rows, clients)

    def _paired(self, rows: int, clients: int) -> Iterator[Cell | LeftOut]:
        """Load every contender once a round; every second round is in the reverse order."""
        values = random_rows(rows, self._network.size)
        loads: dict[str, list[MeasuredLoad]] = {name: [] for name in self._contenders}
        for number in range(self._plan.rounds):
            for name in list(loads)[:: -1 if number % 2 else 1]:
                contender = self._contenders.get(name)
                if contender is None:  # left out since
                    continue
                server, body = self._servers[contender.server], contender.body(values)
                seconds = self._plan.seconds
                try:
                    measured = load_with_cpu_time(server, body, clients=clients, seconds=seconds)
                except FAILURES as error:
                    yield self._leave_out(contender.server, error)
                    continue
                loads[name].append(measured)
        for name in self._contenders:
            yield Cell.of(
                loads[name],
                network=self._network.title,
                contender=name,
                rows=rows,
                clients=clients,
            )

    def _footprints(
        self, starts: dict[str, float], started: dict[str, float]
    ) -> Iterator[Footprint]:
        loaded = self._resident_mb()
        idle = idle_percent(self._servers, self._plan.idle_seconds)
        for name in self._servers:
            yield Footprint(
                network=self._network.title,
                server=name,
                start_seconds=starts[name],
                resident_mb_started=started[name],
                resident_mb_loaded=loaded[name],
                idle_cpu_percent=idle[name],
            )

    def _gates(self) -> Iterator[Record]:
        pairs, seconds = self._plan.pairs, self._plan.seconds
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
            for arrivals in self._plan.arrivals:
                for percent in self._plan.percents:
                    contender = self._contenders.get(name)
                    if contender is None:
                        continue
                    try:
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
                    except FAILURES as error:
                        yield self._leave_out(contender.server, error)
