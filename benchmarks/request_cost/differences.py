"""The processor time of a part: paired differences between the server with it and without it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from benchmarks.request_cost.changes import Change, Replacement, replaced
from benchmarks.request_cost.load import Cell, Load, load
from benchmarks.request_cost.server import Server, started


@dataclass(frozen=True, kw_only=True)
class Rounds:
    """Pairs of measurements of so many seconds, at least two.

    Each begins after `warm` seconds of requests: a replacement makes Python adapt its bytecode.
    """

    pairs: int
    warm: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The measurements of a part: many short ones, since other load disturbs these least.

    Those of parts that postpone work are longer: `counted` at some hundreds of requests, as the
    statistics are, and `written` twice a second, as the ledger is. `start`: seconds in which a
    server measures its model.
    """

    usual: Rounds = Rounds(pairs=45, warm=0.006, seconds=0.006)
    counted: Rounds = Rounds(pairs=15, warm=0.01, seconds=0.035)
    written: Rounds = Rounds(pairs=3, warm=0.01, seconds=0.8)
    start: float = 0.3

    def rounds(self, change: Change) -> Rounds:
        """Return those for this change."""
        if change.idle_seconds:
            return self.written
        return self.counted if change.postpones else self.usual


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The processor time of a part in µs for each request: a median; and that of the server.

    The part's time is known to within `uncertainty`, at a confidence of 95 %: 1.57 times the range
    of the middle half, divided by the root of the number of pairs (McGill, Tukey and Larsen,
    "Variations of box plots", The American Statistician 32, 1978).
    """

    part: float
    uncertainty: float
    server: float

    @property
    def share(self) -> float:
        """The part's share of the server's time."""
        return self.part / self.server


async def difference(
    server: Server,
    file: Path,
    cell: Cell,
    change: Change,
    plan: Plan,
    *,
    both: Sequence[Replacement] = (),
) -> Difference:
    """Measure the server and the changed one in turn, each pair in the other order.

    `both` of them have some replacements.
    """
    rounds = plan.rounds(change)
    differences, times = [], []
    async with _changed(server, file, change) as other:
        body = cell.body(other, change.outputs)
        replacements = change.replacements(other)
        with load(server, cell) as usual, load(other, cell, body) as changed:
            if other is not server:
                await changed.microseconds(plan.start, idle_seconds=change.idle_seconds)
            for number in range(rounds.pairs):
                measured = {}
                for is_changed in (False, True) if number % 2 else (True, False):
                    one = changed if is_changed else usual
                    with replaced(both), replaced(replacements if is_changed else ()):
                        measured[is_changed] = await _microseconds(one, rounds, change)
                differences.append(measured[change.adds] - measured[not change.adds])
                times.append(measured[False])
    lower, part, upper = quantiles(differences, method="inclusive")
    uncertainty = 1.57 * (upper - lower) / sqrt(rounds.pairs)
    return Difference(part=part, uncertainty=uncertainty, server=median(times))


async def _microseconds(one: Load, rounds: Rounds, change: Change) -> float:
    await one.run(rounds.warm)
    one.flush()
    return await one.microseconds(
        rounds.seconds,
        postponed=change.postpones,
        idle_seconds=change.idle_seconds,
    )


@asynccontextmanager
async def _changed(server: Server, file: Path, change: Change) -> AsyncIterator[Server]:
    """Return the same server or, if the change has settings, another one that has started."""
    async with AsyncExitStack() as stack:
        if not change.settings:
            yield server
            return
        folder = stack.enter_context(TemporaryDirectory())
        settings = {
            name: value.format(folder=folder) if isinstance(value, str) else value
            for name, value in change.settings.items()
        }
        yield await stack.enter_async_context(started(file, **settings))
