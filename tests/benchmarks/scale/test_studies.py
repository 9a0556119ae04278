"""Extrapolations from service times that make the answer known."""

import pytest

from benchmarks.scale import studies
from benchmarks.scale.service_times import ServiceTimes
from benchmarks.scale.studies import capacity, day, highest_rate, steady

TIMES = ServiceTimes(
    network="model",
    form="binary",
    rows=32,
    batches=((1, 0.001), (64, 0.0095)),
    before_s=0.0004,
    after_s=0.0001,
    refusal_s=0.0001,
    transport_s=0.0,
    resident_mb=100.0,
    start_s=1.0,
)


@pytest.fixture(autouse=True)
def short_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulate a third of the requests."""
    monkeypatch.setattr(studies, "REQUESTS", 1_000)


def test_capacity_is_that_of_full_batches() -> None:
    # Two requests in a batch of 9.5 ms, and 0.5 ms for each: 5.25 ms
    assert capacity(TIMES) == pytest.approx(190.5, abs=0.1)


def test_far_above_capacity_a_replica_answers_as_many_requests_as_it_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(studies, "REQUESTS", 3_000)
    point = steady(TIMES, 400, 1)
    # Refusals of 0.1 ms take their part: 400 - x of them, x · 5.25 + (400 - x) · 0.1 = 1000 ms
    assert 400 * (1 - point.refused_share) == pytest.approx(960 / 5.15, rel=0.05)


def test_the_highest_rate_is_below_capacity_and_grows_with_the_limit() -> None:
    strict, loose = highest_rate(TIMES, 20), highest_rate(TIMES, 100)
    assert 0 < strict < loose < 190.5


def test_a_limit_below_the_time_of_a_batch_is_not_met() -> None:
    assert highest_rate(TIMES, 3) == 0


def test_a_day_needs_its_peak_only_around_noon() -> None:
    # 10 ± 50 % of a replica's rate: 15 replicas at the peak. Rounding up adds half a replica on
    # average, and the five minutes in which none is removed a little more.
    found = day(1000, 0.5, 100)
    assert (found.most, found.constant) == (15, 360)
    assert found.scaled / 24 == pytest.approx(10.6, abs=0.1)
