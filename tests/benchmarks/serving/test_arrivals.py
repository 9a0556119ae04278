import numpy as np
import pytest

from benchmarks.serving.arrivals import ARRIVALS, exponential, gamma, on_off, steady

RATE, SECONDS = 1000.0, 20.0


def random() -> np.random.Generator:
    return np.random.default_rng(1)


@pytest.mark.parametrize("name", ARRIVALS)
def test_all_arrivals_keep_the_rate_and_the_duration(name: str) -> None:
    offsets = ARRIVALS[name](RATE, SECONDS, random())
    assert len(offsets) == pytest.approx(RATE * SECONDS, rel=0.05)
    assert offsets[0] >= 0
    assert offsets[-1] < SECONDS
    assert (np.diff(offsets) >= 0).all()


def test_steady_arrivals_are_equidistant() -> None:
    assert steady(4, 1, random()).tolist() == [0, 0.25, 0.5, 0.75]


def test_the_deviation_of_gaps_is_their_mean_and_in_bursts_twice_the_mean() -> None:
    for arrivals, variation in ((exponential, 1), (gamma, 2)):
        gaps = np.diff(arrivals(RATE, SECONDS, random()))
        assert gaps.std() / gaps.mean() == pytest.approx(variation, rel=0.05)


def test_on_and_off_sends_in_the_first_fifth_of_each_half_second() -> None:
    offsets = on_off(10, 1, random())
    assert offsets == pytest.approx([0, 0.02, 0.04, 0.06, 0.08, 0.5, 0.52, 0.54, 0.56, 0.58])
