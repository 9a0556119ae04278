import time
from types import SimpleNamespace

import pytest

from service.clock import work_clock, work_ns


def test_waiting_is_no_work() -> None:
    began = work_ns()
    time.sleep(0.05)
    waited = work_ns() - began
    assert waited < 40_000_000
    while work_ns() - began < waited + 1_000_000:  # work is
        pass


@pytest.mark.parametrize(
    ("resolution", "clock"), [(1e-9, time.thread_time_ns), (0.015625, time.perf_counter_ns)]
)
def test_a_coarse_clock_of_processor_time_is_not_used(
    monkeypatch: pytest.MonkeyPatch, resolution: float, clock: object
) -> None:
    monkeypatch.setattr(time, "get_clock_info", lambda name: SimpleNamespace(resolution=resolution))
    assert work_clock() is clock
