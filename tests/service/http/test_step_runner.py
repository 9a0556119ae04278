import asyncio
import logging
import time
from collections.abc import Generator
from typing import Any

import pytest

from service.formats.outline import Steps
from service.http.step_runner import StepRunner, Work


def steps(
    count: int, seconds: float = 0, log: list[int] | None = None, name: int = 0
) -> Steps[int]:
    for _ in range(count):
        time.sleep(seconds)
        if log is not None:
            log.append(name)
        yield
    return name


def failing() -> Generator[None, None, int]:
    yield
    raise ValueError("broken")


def test_work_returns_its_result_or_raises_its_error() -> None:
    async def both() -> int:
        runner = StepRunner()
        with pytest.raises(ValueError, match="broken"):
            await runner.run(failing())
        return await runner.run(steps(3, name=7))

    assert asyncio.run(both()) == 7


def test_work_is_done_in_turns_of_a_few_steps() -> None:
    log: list[int] = []

    async def three() -> list[int]:
        runner = StepRunner()
        return await asyncio.gather(*(runner.run(steps(3, 0.002, log, name)) for name in (1, 2, 3)))

    assert asyncio.run(three()) == [1, 2, 3]
    assert log == [1, 2, 3] * 3


def test_the_loop_does_other_work_between_two_turns() -> None:
    async def beats_during_work() -> int:
        beats, work = 0, asyncio.ensure_future(StepRunner().run(steps(50, 0.002)))
        while not work.done():
            await asyncio.sleep(0)
            beats += 1
        return beats

    assert asyncio.run(beats_during_work()) >= 50


def test_work_pauses_for_as_long_as_it_took_beside_other_work() -> None:
    async def other_work() -> float:
        busy, work = 0.0, asyncio.ensure_future(StepRunner().run(steps(50, 0.004)))
        while not work.done():
            began = time.perf_counter()
            time.sleep(0.0002)
            busy += time.perf_counter() - began
            await asyncio.sleep(0)
        return busy

    assert asyncio.run(other_work()) >= 0.07  # in pauses of 0.2 s in total; without them 0.02


def test_cancelled_work_stops_and_the_rest_goes_on() -> None:
    log: list[int] = []
    ended: list[Any] = []

    async def cancel_one() -> int:
        runner = StepRunner()
        work: Work = runner.start(steps(100, 0.002, log, 1), lambda *result: ended.append(result))
        other = asyncio.ensure_future(runner.run(steps(4, 0.002, log, 2)))
        while len(log) < 3:
            await asyncio.sleep(0)
        work.cancel()
        return await other

    assert asyncio.run(cancel_one()) == 2
    assert log.count(1) <= 3
    assert ended == []


def test_a_cancelled_task_cancels_its_work() -> None:
    log: list[int] = []

    async def cancel() -> None:
        task = asyncio.ensure_future(StepRunner().run(steps(100, 0.002, log)))
        while not log:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.02)

    asyncio.run(cancel())
    assert len(log) <= 3


def test_an_error_of_the_callback_is_logged_and_does_not_stop_the_rest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(_result: Any, _error: Exception | None) -> None:
        raise ConnectionError("closed")

    async def both() -> int:
        runner = StepRunner()
        runner.start(steps(1), broken)
        return await runner.run(steps(3, name=5))

    with caplog.at_level(logging.ERROR):
        assert asyncio.run(both()) == 5
    assert "a response could not be sent" in caplog.messages
