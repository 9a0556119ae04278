import pytest

from benchmarks.workers.model import (
    beside_the_client,
    connection_rate,
    even_share,
    random_share,
    rate,
)


def test_the_rate_is_bounded_by_the_cores() -> None:
    assert rate(100, cores=4, share=0.1) == 40_000


def test_the_rate_is_bounded_by_the_busiest_worker() -> None:
    assert rate(100, cores=4, share=0.5) == 20_000
    assert rate(100, cores=4, share=1) == 10_000


def test_an_even_spread_leaves_a_remainder() -> None:
    assert even_share(16, 4) == 0.25
    assert even_share(16, 5) == 0.25
    assert even_share(3, 8) == pytest.approx(1 / 3)


def test_a_random_spread_is_less_even() -> None:
    # Of two connections and two workers: half of the draws are even, the others are all in one.
    assert random_share(2, 2) == pytest.approx(0.75, abs=0.02)
    assert random_share(16, 1) == 1
    assert random_share(16, 4) > 0.25


def test_the_client_takes_a_part_of_the_cores() -> None:
    assert beside_the_client(100, 100, cores=2, share=0.5) == 10_000
    assert beside_the_client(100, 10, cores=2, share=1) == 10_000
    assert beside_the_client(10, 100, cores=8, share=0.1) == 10_000


def test_waking_workers_bounds_the_rate_of_new_connections() -> None:
    assert connection_rate(100, 0, cores=4) == 40_000
    assert connection_rate(100, 100, cores=4) == 10_000
