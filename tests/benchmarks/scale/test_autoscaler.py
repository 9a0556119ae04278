"""The autoscaler's arithmetic, on examples worked out by hand."""

import pytest

from benchmarks.scale.autoscaler import Autoscaler, Autoscaling, desired_replicas


@pytest.mark.parametrize(
    ("current", "values", "target", "expected"),
    [
        (3, [200.0, 200.0, 200.0], 100.0, 6),  # the documentation's example: twice the target
        (4, [50.0] * 4, 100.0, 2),
        (4, [109.0] * 4, 100.0, 4),  # within the tolerance of 10 %
        (4, [111.0] * 4, 100.0, 5),  # ceil(4.44)
        (3, [200.0, 100.0], 100.0, 3),  # 1.5, but 1.0 with the one that starts counted as 0
        (3, [300.0, 300.0], 100.0, 6),  # 3.0, and 2.0 of three
        (4, [40.0, 40.0], 100.0, 3),  # with two at the target: 2.8 of four
        (2, [], 100.0, 2),
    ],
)
def test_replicas_follow_the_ratio_of_metric_and_target(
    current: int, values: list[float], target: float, expected: int
) -> None:
    assert desired_replicas(current, values, target, 0.1) == expected


def test_in_a_period_the_number_at_most_doubles_or_grows_by_four() -> None:
    scaler = Autoscaler(Autoscaling(targets={"queue": 10.0}))
    assert scaler.decide(0, 1, {"queue": [1000.0]}) == 5
    assert scaler.decide(15, 5, {"queue": [1000.0] * 5}) == 10
    assert scaler.decide(30, 10, {"queue": [1000.0] * 10}) == 20


def test_it_scales_down_to_the_highest_recommendation_of_five_minutes() -> None:
    scaler = Autoscaler(Autoscaling(targets={"queue": 10.0}))
    assert scaler.decide(0, 8, {"queue": [10.0] * 8}) == 8
    assert scaler.decide(15, 8, {"queue": [5.0] * 8}) == 8
    assert scaler.decide(300, 8, {"queue": [1.0] * 8}) == 8
    assert scaler.decide(315, 8, {"queue": [1.0] * 8}) == 4
    assert scaler.decide(330, 4, {"queue": [2.0] * 4}) == 1


def test_the_metric_that_wants_most_decides() -> None:
    scaler = Autoscaler(Autoscaling(targets={"queue": 10.0, "processor": 0.5}))
    assert scaler.decide(0, 4, {"queue": [0.0] * 4, "processor": [0.75] * 4}) == 6
