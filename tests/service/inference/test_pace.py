import math

import pytest

from service.inference.pace import Pace


def calibrated() -> Pace:
    """Return the pace of a model with 10 ns a batch and 2 ns a row; a full one has 15 rows."""
    pace = Pace(15)
    pace.calibrate(12, 24, 7)
    return pace


def test_the_pace_is_unknown_before_it_is_measured() -> None:
    pace = Pace(15)
    pace.batch_completed(5, 1000, 1000)
    assert pace.ns_per_row == 0


def test_a_row_takes_its_part_of_a_full_batch() -> None:
    assert calibrated().ns_per_row == pytest.approx((10 + 15 * 2) / 15)


def test_a_batch_as_fast_as_expected_changes_nothing() -> None:
    pace = calibrated()
    pace.batch_completed(1, 12, 12)
    assert pace.ns_per_row == pytest.approx(40 / 15)


def test_a_slow_full_batch_changes_the_pace_by_a_tenth_of_the_difference() -> None:
    pace = calibrated()
    pace.batch_completed(15, 80, 80)
    assert pace.ns_per_row == pytest.approx(1.1 * 40 / 15)


def test_a_small_batch_counts_for_less() -> None:
    pace = calibrated()
    pace.batch_completed(1, 24, 24)  # twice as slow, 12 of the 40 ns of a full one
    assert pace.ns_per_row == pytest.approx((1 + 0.1 * 12 / 40) * 40 / 15)


def test_a_stall_counts_as_three_times_the_expected_time() -> None:
    pace = calibrated()
    pace.batch_completed(15, 10_000_000, 10_000_000)
    assert pace.ns_per_row == pytest.approx(1.2 * 40 / 15)


def test_the_pace_follows_a_model_that_has_become_slower_or_faster() -> None:
    pace = calibrated()
    for _ in range(100):
        pace.batch_completed(15, 400, 400)
    assert pace.ns_per_row == pytest.approx(400 / 15, rel=0.01)
    for _ in range(100):
        pace.batch_completed(15, 40, 40)
    assert pace.ns_per_row == pytest.approx(40 / 15, rel=0.01)


def test_a_model_with_batches_of_one_row_has_a_pace() -> None:
    pace = Pace(1)
    pace.calibrate(12, 11, 1)
    assert pace.ns_per_row == 12


# The expected time of a batch.


def test_the_time_of_a_batch_is_unknown_before_it_is_measured() -> None:
    pace = Pace(15)
    assert pace.expected_ns(1) == math.inf
    pace.batch_completed(5, 1000, 1000)
    assert pace.expected_ns(0) == math.inf


@pytest.mark.parametrize(("rows", "ns"), [(0, 10), (1, 12), (7, 24), (15, 40), (30, 70)])
def test_a_batch_takes_a_constant_and_a_time_for_each_row(rows: int, ns: float) -> None:
    assert calibrated().expected_ns(rows) == pytest.approx(ns)


def test_a_first_batch_longer_than_calibrated_is_believed_and_the_next_change_it_by_a_tenth() -> (
    None
):
    pace = calibrated()
    pace.batch_completed(15, 80, 80)
    assert pace.expected_ns(15) == pytest.approx(80)
    pace.batch_completed(15, 60, 60)
    assert pace.expected_ns(15) == pytest.approx(78)
    pace.batch_completed(15, 1078, 60)
    assert pace.expected_ns(15) == pytest.approx(178)


def test_a_first_batch_shorter_than_calibrated_changes_it_by_a_tenth_too() -> None:
    pace = calibrated()
    pace.batch_completed(15, 20, 20)
    assert pace.expected_ns(15) == pytest.approx(38)


def test_sizes_that_share_their_power_of_two_share_what_was_observed() -> None:
    pace = calibrated()
    pace.batch_completed(15, 80, 80)  # twice as long as calibrated, for 8 to 15 rows
    assert [pace.expected_ns(rows) for rows in (7, 8, 15)] == pytest.approx([24, 2 * 26, 80])


def test_a_long_batch_is_known_to_be_long_whatever_the_short_ones_take() -> None:
    pace = Pace(512)
    pace.calibrate(730_000, 730_000, 64)  # one row was disturbed: rows seem to take no time
    for _ in range(200):
        pace.batch_completed(1, 150_000, 150_000)
    assert pace.expected_ns(1) == pytest.approx(150_000)
    pace.batch_completed(512, 4_800_000, 4_800_000)
    assert pace.expected_ns(512) == pytest.approx(4_800_000)
    pace.batch_completed(1, 150_000, 150_000)
    assert [pace.expected_ns(rows) for rows in (1, 512)] == pytest.approx([150_000, 4_800_000])


def test_a_new_measurement_replaces_what_was_known() -> None:
    pace = calibrated()
    pace.batch_completed(15, 80, 80)
    pace.calibrate(100, 100, 7)
    assert [pace.expected_ns(rows) for rows in (1, 15)] == pytest.approx([100, 100])
