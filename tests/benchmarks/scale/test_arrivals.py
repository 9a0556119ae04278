"""Arrivals of changing rate."""

import numpy as np
import pytest

from benchmarks.scale.arrivals import burst, daily, poisson


def test_a_burst_has_its_rate_in_its_time_only() -> None:
    offsets = poisson(burst(100, 5, 10, 20), 500, 30, np.random.default_rng(0))
    before, within, after = np.histogram(offsets, [0, 10, 20, 30])[0] / 10
    assert (before, within, after) == pytest.approx((100, 500, 100), rel=0.1)
    assert (np.diff(offsets) >= 0).all()


def test_a_day_has_its_mean_rate_and_is_lowest_at_its_begin() -> None:
    rate = daily(10, 0.5, day=100)
    assert rate(np.array([0.0, 50.0])) == pytest.approx([5, 15])
    assert rate(np.arange(100.0)).mean() == pytest.approx(10)
