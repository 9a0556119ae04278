import random
from pathlib import Path
from threading import Event

import pytest

from tests.reliability.load import Client, Counts
from tests.reliability.processes import FAULT_VARIABLE, MIB, PLANTED, SERVE, Usage
from tests.reliability.soak import SLOPE, Sample, Soak, growth, soak
from tests.reliability.tiny import write_file

# Pools and caches grow by some hundred MiB for a million requests at first, the planted leak by
# 5,000: it keeps 16 KiB of every third request.
SECONDS, SLOPE_AT_FIRST = 3.0, 2000.0


def usage(mebibytes: float, *, descriptors: int = 10, threads: int = 4) -> Usage:
    return Usage(int(mebibytes * MIB), int(mebibytes * MIB), descriptors, threads)


def short_soak(folder: Path, program: tuple[str, ...] = SERVE) -> Soak:
    return soak(write_file(folder), SECONDS, slope=SLOPE_AT_FIRST, sizes=(1, 2, 3), program=program)


def test_a_short_soak_has_only_right_answers_and_no_growth(tmp_path: Path) -> None:
    result = short_soak(tmp_path)
    assert result.faults == []
    assert {"predict", "infer JSON", "infer binary", "explain", "read"} < set(
        result.counts.answered
    )
    assert {"invalid", "slow", "cancelled"} < set(result.counts.answered)


def test_a_leaking_handler_fails_the_soak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FAULT_VARIABLE, "leak")
    (fault,) = short_soak(tmp_path, PLANTED).faults
    assert "memory grows by" in fault


def test_the_growth_is_the_median_slope_so_that_one_step_does_not_count() -> None:
    flat = [Sample(1000 * i, usage(100)) for i in range(30)]
    stepped = flat + [Sample(1000 * i, usage(104)) for i in range(30, 33)]
    assert growth(1, stepped).slope == 0
    rising = [Sample(1000 * i, usage(100 + i / 4)) for i in range(40)]
    found = growth(7, rising)
    assert found.slope == pytest.approx(250, rel=1e-3)  # a quarter of a MiB for a thousand
    assert found.mebibytes == pytest.approx(39 / 4, rel=1e-3)
    assert list(found.faults(SLOPE)) == [
        "process 7: memory grows by 250.0 MiB for a million requests, expected at most 1"
    ]


def test_the_memory_of_large_bodies_in_flight_does_not_count() -> None:
    samples = [Sample(1000 * i, usage(100 + 40 * (i % 2) * i / 80)) for i in range(80)]
    assert growth(7, samples).slope == 0


def test_a_slope_below_the_allocators_steps_does_not_count() -> None:
    rising = [Sample(1000 * i, usage(100 + i / 1000)) for i in range(40)]
    assert list(growth(7, rising).faults(SLOPE)) == []


def test_growing_descriptors_and_threads_are_faults() -> None:
    samples = [Sample(i, usage(1, descriptors=10 + i, threads=4 + i // 3)) for i in range(9)]
    assert list(growth(7, samples).faults(SLOPE)) == [
        "process 7: file descriptors grow by 6",
        "process 7: threads grow by 2",
    ]


def test_a_process_without_samples_of_several_moments_has_no_slope() -> None:
    assert growth(7, [Sample(5, usage(1))]).slope == 0


def test_a_lost_and_a_wrong_answer_are_counted_and_described() -> None:
    counts = Counts()
    client = Client(0, counts, Event(), random.Random(0))
    client.stop.set()
    client.ordinary([])
    counts.add_wrong("predict", "POST /predict: 500")
    assert (counts.total, counts.wrong, counts.lost) == (1, 1, 0)
    assert counts.failures == ["predict: POST /predict: 500"]
