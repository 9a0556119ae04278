"""The rule against chance, in short; `python -m benchmarks.drift` simulates whole weeks."""

from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import pytest

from models.gates.held_out import held_out as counted
from service.drift.baseline import HeldOut
from service.drift.slots import SlotShape, Tally
from service.drift.verdict import Verdict, judge
from service.drift.watch import Watch
from service.drift.windows import WINDOWS
from service.inference.counters import Board
from tests.service.drift.conftest import held_out

MIX = (0.6, 0.38, 0.02)
NOON = 43200.0
SHAPE = SlotShape(labels=3, layers=2)
LOOKS = 800

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


def traffic(chance: np.random.Generator, count: int) -> Rows:
    """Draw labels, two layers' gates that depend on each other and on the label, and shares."""
    labels = chance.choice(3, size=count, p=MIX)
    common = chance.normal(size=(count, 1))
    gates = 1 / (1 + np.exp(-(labels[:, None] - 1 + common + chance.normal(size=(count, 2)))))
    return labels, gates.astype(np.float32), chance.random(count, np.float32)


def tried(chance: np.random.Generator, count: int) -> HeldOut:
    labels, gates, _ = traffic(chance, count)
    return held_out(**asdict(counted(gates, labels, labels=3, part="drawn")))


def uncalibrated(rows: Rows, chance: np.random.Generator, held: int) -> Rows:
    """Bend the shares as held-out rows do: as many lie below one as chance wants."""
    labels, gates, shares = rows
    knots = np.concatenate([[0], np.sort(chance.random(held)), [1]])
    return labels, gates, np.interp(shares, knots, np.linspace(0, 1, held + 2)).astype(np.float32)


def looks(rows: int, held: int) -> Iterator[Verdict]:
    """Look at windows without drift, each with held-out rows of its own."""
    chance = np.random.default_rng(rows + held)
    for _ in range(LOOKS):
        base, block = tried(chance, held), np.zeros(SHAPE.size)
        Tally(base, block).add(NOON, *uncalibrated(traffic(chance, rows), chance, held))
        yield judge(SHAPE.total([block], WINDOWS[0], NOON + 31), base, WINDOWS[0], NOON + 31)


@pytest.mark.parametrize(("rows", "held"), [(120, 330), (1000, 330), (400, 2000)])
def test_small_p_values_come_no_more_often_than_they_say(rows: int, held: int) -> None:
    p_values = np.array([list(verdict.p_values) for verdict in looks(rows, held)])
    assert p_values.shape == (LOOKS, 5)
    for share in (0.2, 0.05, 0.01):
        found = (p_values <= share).mean(axis=0)
        chance = 4 * np.sqrt(share / LOOKS)  # four standard deviations
        assert (found <= share * 1.1 + chance).all()
        assert found.max() >= share / 2 - chance  # and they are of use


def test_a_day_without_drift_has_no_alarm_by_far() -> None:
    """Two rows a second; a hundredth of its looks would be by a p-value of a hundredth."""
    chance = np.random.default_rng(0)
    watch = Watch(tried(chance, 1000), Board(), "tiny@1")
    found = []
    for slot in range(24 * 3600 // 30):
        watch.add(NOON + 30 * slot, *traffic(chance, chance.poisson(60)))
        found += [
            min(v.p_values, default=1) / v.threshold for v in watch.verdicts(NOON + 30 * slot)
        ]
    assert min(found) > 1


def test_a_day_with_other_gates_for_one_row_in_five_is_told_within_the_hour() -> None:
    chance = np.random.default_rng(0)
    watch = Watch(tried(chance, 1000), Board(), "tiny@1")
    for slot in range(120):
        labels, gates, shares = traffic(chance, 60)
        gates[:12] = 0.01
        watch.add(NOON + 30 * slot, labels, gates, shares)
    five_minutes, hour, _ = watch.verdicts(NOON + 3601)
    assert five_minutes.drifting
    assert hour.drifting
