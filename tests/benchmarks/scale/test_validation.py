"""Measured against simulated loads."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.scale import tables
from benchmarks.scale.validation import Result, Run, read, result, write

MEASURED = Result(goodput=100, refused_share=0.0, mean_ms=200, p50_ms=210, p99_ms=400)
SIMULATED = Result(goodput=110, refused_share=0.1, mean_ms=190, p50_ms=210, p99_ms=300)


def run(load: str) -> Run:
    """Return a run with values that differ."""
    return Run(
        cell="digits, JSON, 1 row",
        max_queue_ms=250,
        load=load,
        offered=200,
        speed=0.5,
        unanswered=0,
        measured=MEASURED,
        simulated=SIMULATED,
    )


def test_a_load_is_summed_up_from_its_latencies_by_status() -> None:
    latencies = {200: np.array([0.1, 0.2, 0.3]), 429: np.array([0.02])}
    found = result(latencies.get, 4, 2.0)
    assert (found.goodput, found.refused_share) == (1.5, 0.25)
    assert (found.mean_ms, found.p50_ms) == pytest.approx((200, 200))
    assert found.p99_ms == pytest.approx(298)


def test_a_deviation_is_relative_to_the_measured_value() -> None:
    assert run("2 ×").deviation("goodput") == pytest.approx(0.1)
    assert run("2 ×").deviation("p99_ms") == pytest.approx(-0.25)
    assert run("2 ×").deviation("refused_share") is None


def test_runs_are_read_as_they_were_written(tmp_path: Path) -> None:
    write(tmp_path / "validation.json", [run("2 ×")], {})
    assert read(tmp_path / "validation.json") == [run("2 ×")]


def test_the_page_says_what_is_outside_the_limit_in_overloads_only() -> None:
    assert tables.agreement([run("0.5 ×"), run("2 ×")]) == (
        "- digits, JSON, 1 row, 250 ms of queue, 2 × capacity: within 15%: answered /s +10%, "
        "mean (ms) -5%, p50 (ms) +0%; **outside: p99 (ms) -25%**."
    )
