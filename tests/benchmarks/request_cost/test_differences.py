"""Every change serves, with a small network."""

import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import uvloop

from benchmarks.request_cost.changes import Change
from benchmarks.request_cost.differences import Difference, Plan, Rounds, difference
from benchmarks.request_cost.features import CHANGES
from benchmarks.request_cost.load import Cell
from benchmarks.request_cost.server import started, written_access_log
from benchmarks.request_cost.stages import REST, STAGES
from service.http.request_policy import RequestPolicy

SHORT = Rounds(pairs=2, warm=0.002, seconds=0.002)
PLAN = Plan(usual=SHORT, counted=SHORT, written=SHORT, start=0.05)
CELL = Cell(form="V2 JSON", rows=1, connections=2)


def measured(
    file: Path, change: Change, cell: Cell = CELL, both: Sequence[Change] = ()
) -> Difference:
    async def measure() -> Difference:
        async with started(file) as server:
            others = [one for other in both for one in other.replacements(server)]
            return await difference(server, file, cell, change, PLAN, both=others)

    with written_access_log():
        return uvloop.run(measure())


@pytest.mark.parametrize("change", [*CHANGES, REST, *STAGES], ids=lambda change: change.name)
@pytest.mark.parametrize("form", ["V2 JSON", "V2 binary"])
def test_the_changed_server_responds(file: Path, change: Change, form: str) -> None:
    found = measured(file, change, Cell(form=form, rows=1, connections=2))
    assert found.server > 0
    assert abs(found.share) < 1000


def slow_id(*_: object) -> bytes:
    end = time.process_time() + 0.001
    while time.process_time() < end:
        pass
    return b"slow"


@pytest.mark.parametrize(("adds", "sign"), [(True, 1), (False, -1)])
def test_the_part_is_what_the_server_with_it_takes_longer(
    file: Path, adds: bool, sign: int
) -> None:
    change = Change(
        name="a millisecond",
        how="",
        replacements=lambda _: [(RequestPolicy, "request_id", slow_id)],
        adds=adds,
    )
    assert sign * measured(file, change).part == pytest.approx(1000, abs=500)


def test_all_stages_can_be_left_out_together(file: Path) -> None:
    assert measured(file, REST, both=STAGES).server > 0


def test_a_part_that_postpones_work_has_longer_rounds() -> None:
    plan = Plan()
    assert plan.rounds(Change(name="", how="")) is plan.usual
    assert plan.rounds(Change(name="", how="", postpones=True)) is plan.counted
    assert plan.rounds(Change(name="", how="", idle_seconds=0.1)) is plan.written
