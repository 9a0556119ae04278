import numpy as np
import pytest

from benchmarks.drift.power import needed
from benchmarks.drift.rows import Answers, drawn
from benchmarks.drift.weeks import DAY, Traffic, alarm, budget, day_and_night, steady

CHANCE = np.random.default_rng(0)


def answers(count: int, shift: float = 0) -> Answers:
    labels = CHANCE.integers(0, 2, count)
    gates = CHANCE.normal(size=(count, 3)) * 0.1 + 0.3 + labels[:, None] * 0.2 + shift
    usual = CHANCE.random(count) - 10 * shift
    return Answers(labels=labels, gates=gates.astype(np.float32), usual=usual.astype(np.float32))


USUAL, ODD = answers(4000), answers(4000, 0.3)


def traffic(rate: float) -> Traffic:
    chance = np.random.default_rng(1)
    return Traffic(drawn(USUAL, 1000, 2, chance), steady(rate), chance)


def test_a_day_goes_from_its_lowest_rate_at_midnight_to_its_highest_at_noon() -> None:
    rate = day_and_night(1, 64)
    assert [rate(hour * 3600) for hour in (0, 6, 12, 24)] == pytest.approx([1, 8, 64, 1])


def test_traffic_goes_on_by_a_slot_with_its_requests() -> None:
    some = traffic(10)
    for _ in range(100):
        some.step((USUAL, 1.0))
    assert some.now == 3000
    assert some.rows == pytest.approx(30_000, rel=0.05)


def test_every_look_is_yielded_once() -> None:
    some, found = traffic(1), []
    for _ in range(120):
        some.step((USUAL, 1.0))
        found += [(verdict.window.name, verdict.end) for verdict in some.looks()]
    assert len(found) == len(set(found))
    assert [sum(name == window for name, _ in found) for window in ("5m", "1h")] == [120, 13]


def test_a_look_without_drift_would_take_many_false_alarms() -> None:
    some = traffic(10)
    for _ in range(20):
        some.step((USUAL, 1.0))
    assert min(budget(verdict) for verdict in some.looks()) > 1


def test_a_drift_is_noticed_after_a_day_without() -> None:
    some = traffic(1)
    found = alarm(some, USUAL, ODD, 0.5)
    assert found is not None
    assert found[0] < 3600
    assert some.now < DAY + 3600


def test_odd_rows_make_every_window_drift_from_some_size_on() -> None:
    found = needed(USUAL, ODD, 0.3, labels=2, trials=3, seed=0)
    assert [each.window for each in found] == ["5m", "1h", "1d"]
    assert all(each.nine_in_ten is not None and each.nine_in_ten < 5000 for each in found)
