"""Calibrations: written, read, and interpolated."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.scale.calibration import Work, request_seconds, with_requests
from benchmarks.scale.service_times import ServiceTimes, read, write

TIMES = ServiceTimes(
    network="dense-10",
    form="JSON",
    rows=1,
    batches=((1, 0.001), (3, 0.002), (11, 0.010)),
    before_s=0.0,
    after_s=0.0,
    refusal_s=0.0,
    transport_s=0.0,
    resident_mb=100.0,
    start_s=1.0,
)


@pytest.mark.parametrize(("rows", "seconds"), [(1, 0.001), (2, 0.0015), (7, 0.006), (21, 0.02)])
def test_batches_between_and_beyond_the_measured_ones_lie_on_a_line(
    rows: int, seconds: float
) -> None:
    assert TIMES.batch_s(rows) == pytest.approx(seconds)


def test_a_calibration_is_read_as_it_was_written(tmp_path: Path) -> None:
    write(tmp_path / "calibration.json", [TIMES], {"cores": 2})
    (name, found), *others = read(tmp_path / "calibration.json").items()
    assert (name, found.batch_s(7), others) == ("dense-10, JSON, 1 row", TIMES.batch_s(7), [])


def test_a_missing_calibration_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"found no such file; run `python -m benchmarks.scale"):
        read(tmp_path / "calibration.json")


def test_a_calibration_of_another_form_is_refused(tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_text('{"cells": [{"network": "dense-10"}]}')
    with pytest.raises(ValueError, match="expected service times as `--calibrate` writes them"):
        read(tmp_path / "calibration.json")


def test_batches_that_do_not_ascend_are_refused() -> None:
    with pytest.raises(ValueError, match=r"ascending rows, found \[4, 2\]"):
        replace(TIMES, batches=((4, 0.1), (2, 0.1)))


def test_a_request_is_what_the_processor_did_without_its_batches() -> None:
    # 100 requests in 10 batches of 3 rows and 5 of 11: 0.17 s - 0.07 s = 1 ms for each
    work = _work(answered=100, seconds=0.17, batches={3: 10, 11: 5})
    assert request_seconds(work, TIMES.batch_s) == pytest.approx(0.001)


def test_a_refusal_is_what_a_full_server_did_without_its_answers() -> None:
    many = _work(answered=100, seconds=0.17, batches={3: 10, 11: 5})
    # 10 answers of 1 ms, and 10 batches of 1 ms: of 60 ms, 40 ms are left for 200 refusals
    full = _work(answered=10, refused=200, seconds=0.06, batches={1: 10})
    one = _work(answered=10, seconds=0.02, least_s=0.005)
    found = with_requests(TIMES, one, [many], full)
    assert found.refusal_s == pytest.approx(0.0002)
    assert (found.before_s, found.after_s) == pytest.approx((0.0006, 0.0004))
    assert found.transport_s == pytest.approx(0.005 - 0.002)


def test_the_thread_that_computes_long_batches_corrects_their_times() -> None:
    # The thread took 0.4 s for 100 batches of 11 rows: 4 ms, not 10 ms. The loop took 0.1 s.
    long = replace(TIMES, rows=11)
    many = _work(answered=100, seconds=0.5, loop_seconds=0.1, batches={11: 100})
    found = with_requests(long, _work(), [many], _work())
    assert [found.batch_s(rows) for rows in (1, 11)] == pytest.approx([0.0004, 0.004])
    assert found.request_s == pytest.approx(0.001)


def _work(
    *,
    answered: int = 1,
    refused: int = 0,
    seconds: float = 0.0,
    loop_seconds: float = 0.0,
    batches: dict[int, int] | None = None,
    least_s: float = 0.0,
) -> Work:
    return Work(
        answered=answered,
        refused=refused,
        seconds=seconds,
        loop_seconds=loop_seconds,
        batches=batches or {},
        least_s=least_s,
        before_share=0.6,
    )
