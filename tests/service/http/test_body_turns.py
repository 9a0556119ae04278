import asyncio
from collections.abc import Callable

import pytest

from service.http.body_turns import REFUSED_SECONDS, TURN_SECONDS, BodyTurns

pytestmark = pytest.mark.anyio


class Bodies:
    """Bodies by name; `started` are the names of those whose turn has begun."""

    def __init__(self) -> None:
        self.turns = BodyTurns()
        self.started: list[str] = []
        self._starts: dict[str, Callable[[], None]] = {}
        self._loop = asyncio.get_running_loop()

    def take(self, client: str, name: str) -> None:
        start = self._starts[name] = lambda: self.started.append(name)
        self.turns.take(self._loop, client, start)

    def end(self, name: str, *, refused: bool = False) -> None:
        self.turns.end(self._loop, self._starts[name], refused=refused)


async def test_a_single_body_starts_at_once() -> None:
    bodies = Bodies()
    bodies.take("one", "a")
    assert bodies.started == ["a"]
    bodies.end("a")
    bodies.take("one", "b")
    assert bodies.started == ["a", "b"]


async def test_a_body_waits_for_the_end_of_the_one_before_and_clients_take_turns() -> None:
    bodies = Bodies()
    for name in "abc":
        bodies.take("greedy", name)
    bodies.take("small", "d")
    assert bodies.started == ["a"]
    bodies.end("a")
    bodies.end("b")
    bodies.end("d")
    assert bodies.started == ["a", "b", "d", "c"]


async def test_a_slow_body_does_not_stop_the_others() -> None:
    bodies = Bodies()
    bodies.take("slow", "a")
    bodies.take("other", "b")
    await asyncio.sleep(TURN_SECONDS * 1.5)
    assert bodies.started == ["a", "b"]
    bodies.take("other", "c")
    bodies.end("a")  # its turn was over
    assert bodies.started[2:] in ([], ["c"])


async def test_after_a_refused_body_the_next_one_waits() -> None:
    bodies = Bodies()
    bodies.take("greedy", "a")
    bodies.take("greedy", "b")
    bodies.end("a", refused=True)
    assert bodies.started == ["a"]
    await asyncio.sleep(REFUSED_SECONDS * 2)
    assert bodies.started == ["a", "b"]
