"""The whole benchmark, short, with this server and the sketch."""

import shutil
from itertools import islice
from pathlib import Path

import pytest

from benchmarks.serving import __main__ as module
from benchmarks.serving import session
from benchmarks.serving.contenders import PROJECT, V2_JSON
from benchmarks.serving.networks import CONVOLUTIONAL, network
from benchmarks.serving.results import LeftOut, Results
from benchmarks.serving.rivals.installed import MOSEC, NODE, SKETCH, sketch
from benchmarks.serving.servers import project
from benchmarks.serving.session import Plan, Session

PLAN = Plan(
    networks=("convolutional",),
    clients=(2,),
    rounds=1,
    starts=1,
    idle_seconds=0.1,
    pairs=1,
    percents=(50,),
    arrivals=("steady",),
    open_seconds=0.1,
)


def ending(_file: Path, _port: int) -> list[str]:
    return ["false"]


def removed(_file: Path, _port: int) -> list[str]:
    return ["/nowhere/node"]


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_a_rival_is_measured_and_those_that_do_not_start_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "ROWS", (1,))
    monkeypatch.setattr(session, "OVERLOADED", ((V2_JSON, 1),))
    results = Results(machine={})
    commands = {PROJECT: project, SKETCH: sketch, MOSEC: ending, NODE: removed}
    for record in Session(network(tmp_path, CONVOLUTIONAL), PLAN, commands).records(overloads=True):
        results.add(record)
    assert [record.sentence for record in results.left_out] == [
        "mosec is left out with convolutional: the server exited at its start: nothing in its log.",
        "Fastify + onnxruntime-node is left out with convolutional: FileNotFoundError.",
    ]
    assert [cell.contender for cell in results.cells] == [
        *("V2 JSON", "V2 binary", "`/predict`", "sketch, JSON", "sketch, binary")
    ]
    assert all(cell.cpu_us > 0 and not cell.errors for cell in results.cells)
    assert [footprint.server for footprint in results.footprints] == [PROJECT, SKETCH]
    assert (len(results.alone), len(results.gates), len(results.open_loop)) == (1, 2, 1)


def test_missing_rivals_are_named_first(tmp_path: Path) -> None:
    first = list(islice(module.records(PLAN, tmp_path, tmp_path), 3))
    assert all(isinstance(record, LeftOut) for record in first)
    assert "mosec is left out: it is not installed;" in str(first[1])


def test_the_command_line_changes_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "python -m benchmarks.serving --networks dense-100 --clients 16 --rounds 7"
    monkeypatch.setattr("sys.argv", line.split()[2:])
    plan = module.plan_of(module.arguments())
    assert (plan.networks, plan.clients, plan.rounds) == (("dense-100",), (16,), 7)
    assert plan.seconds == Plan().seconds
