"""Admission by the load of the event loop; iterations are made long by sleeping in them."""

import asyncio
import time

import pytest

from service.errors import QueueFullError
from service.inference.admission import (
    MAX_ITERATION_NS,
    REFUSAL_SECONDS,
    SATURATING_REQUESTS,
    LoopLoad,
    Refusals,
)
from tests.service.inference.conftest import until

LONG = MAX_ITERATION_NS * 1.2e-9  # seconds
SLOW_NS = 200_000_000  # a limit far above the stalls of a busy machine


def iteration(load: LoopLoad, *clients: str, seconds: float) -> None:
    """Let requests arrive in one iteration, of which the first takes `seconds`."""
    load.begin()
    for i, client in enumerate(clients):
        load.check(client)
        if i == 0:
            time.sleep(seconds)
    load.end()


def saturate(load: LoopLoad, seconds: float = LONG) -> None:
    iteration(load, *["greedy"] * SATURATING_REQUESTS, seconds=seconds)


def test_a_request_is_refused_late_in_an_iteration_that_follows_a_long_one() -> None:
    load = LoopLoad()
    saturate(load)
    load.begin()
    load.check("greedy")
    load.check("greedy")
    time.sleep(LONG)
    with pytest.raises(QueueFullError) as error:
        load.check("greedy")
    assert str(error.value) == "server: busy with other requests; retry later"
    assert error.value.retry_after == 1


def test_the_first_long_iteration_refuses_nothing() -> None:
    saturate(LoopLoad())


def test_a_stall_with_few_requests_is_not_saturation() -> None:
    load = LoopLoad()
    for _ in range(3):
        iteration(load, *["greedy"] * (SATURATING_REQUESTS - 1), seconds=LONG)


def test_a_short_iteration_ends_the_saturation() -> None:
    load = LoopLoad()
    saturate(load)
    iteration(load, "greedy", seconds=0)
    saturate(load)


def test_a_client_with_less_than_its_share_is_not_refused() -> None:
    load = LoopLoad(SLOW_NS)
    saturate(load, 0.21)
    load.begin()
    for _ in range(10):
        load.check("greedy")
    time.sleep(0.21)
    load.check("small")
    with pytest.raises(QueueFullError):
        load.check("greedy")


def test_an_iteration_of_twice_the_length_refuses_every_client() -> None:
    load = LoopLoad()
    saturate(load)
    load.begin()
    load.check("greedy")
    time.sleep(2 * LONG)
    with pytest.raises(QueueFullError):
        load.check("small")


@pytest.mark.anyio
async def test_refusals_are_sent_together_after_a_delay() -> None:
    refusals, sent = Refusals(), list[int]()
    loop = asyncio.get_running_loop()
    began = time.monotonic()
    for number in range(3):
        refusals.add(loop, lambda number=number: sent.append(number))  # type: ignore[misc]
    assert sent == []
    await until(lambda: len(sent) == 3)
    assert sent == [0, 1, 2]
    assert time.monotonic() - began >= REFUSAL_SECONDS * 0.9
    refusals.add(loop, lambda: sent.append(3))
    await until(lambda: len(sent) == 4)
