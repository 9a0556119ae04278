import re

import pytest

from tests.reliability import chaos
from tests.reliability.chaos import SCENARIOS, steady
from tests.reliability.outcome import Outcome, eventually, run_scenarios
from tests.reliability.processes import FAULT_VARIABLE, PLANTED, StartError


def test_requests_of_all_kinds_end_no_process() -> None:
    assert steady(seconds=1).faults == []


def test_a_planted_crash_breaks_the_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FAULT_VARIABLE, "crash")
    faults = steady(PLANTED, seconds=1).faults
    assert any("lost" in fault for fault in faults)
    assert "a process ended" in faults


@pytest.mark.parametrize(
    "name",
    [
        *("port-in-use", "no-database", "kill-worker", "sigterm-2-stalled", "second-signal-2"),
        *("corrupt-file", "exchanged-file", "corrupt-candidate"),
    ],
)
def test_a_scenario_keeps_its_promise(name: str) -> None:
    assert SCENARIOS[name]().faults == []


def test_every_scenario_states_a_promise_and_prints_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept = Outcome("it holds", figures={"requests": 3, "exit s": 0.1234})
    run_scenarios({"kept": lambda: kept}, [], 0)
    assert capsys.readouterr().out == (
        "kept: requests 3, exit s 0.123 | promise: it holds: holds\n"
    )


def test_a_broken_promise_and_a_failed_start_exit_with_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def unable() -> Outcome:
        raise StartError("first line\nerror: no model")

    broken = Outcome("none is lost", faults=["2 lost"])
    with pytest.raises(SystemExit, match="error: 2 broken promises"):
        run_scenarios({"broken": lambda: broken, "unable": unable}, [], 0)
    assert capsys.readouterr().out.splitlines() == [
        "broken:  | promise: none is lost: BROKEN: 2 lost",
        "unable:  | promise: the server starts: BROKEN: it does not: error: no model",
    ]


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SystemExit, match="error: expected a name from a, b; found c"):
        run_scenarios({"a": Outcome("x"), "b": Outcome("x")}, ["c"], 0)  # type: ignore[dict-item]


def test_waiting_gives_the_seconds_or_infinity() -> None:
    assert eventually(lambda: True, 1) < 0.5
    assert eventually(lambda: False, 0.1) == float("inf")


def test_the_log_and_the_metrics_are_searched_for_a_workers_end() -> None:
    assert re.search(chaos.LOGGED, "WARNING worker 17 was killed by signal 9; starting another")
    assert chaos.COUNTED.search('highway_worker_deaths_total{reason="signal"} 2.0')
    assert not chaos.COUNTED.search("highway_worker_deaths_total 0.0")
