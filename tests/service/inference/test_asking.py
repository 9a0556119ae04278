import asyncio

import numpy as np
import pytest

from service.errors import InputError, NotReadyError
from service.inference.asking import answer
from service.inference.question import Question
from tests.service.inference.conftest import ALL, Watched, numbered, opened, until

pytestmark = pytest.mark.anyio


async def test_a_coroutine_gets_the_outputs_of_its_question(watched: Watched) -> None:
    async with opened(watched) as office:
        outputs = await answer(office.engine, Question(numbered(2, first=4), ALL))
        assert outputs["logits"][:, 0].tolist() == [5, 6]


async def test_a_question_that_ends_in_an_error_raises_it(watched: Watched) -> None:
    async with opened(watched) as office:
        with pytest.raises(InputError):
            await answer(office.engine, Question(numbered(1, first=np.inf), ALL))


async def test_a_closed_engine_raises_at_once(watched: Watched) -> None:
    async with opened(watched) as office:
        office.engine.close()
        with pytest.raises(NotReadyError):
            await answer(office.engine, Question(numbered(1), ALL))


async def test_a_wait_that_ends_gives_the_question_up(watched: Watched) -> None:
    async with opened(watched) as office:
        first = await office.occupy()
        waiting = asyncio.create_task(answer(office.engine, Question(numbered(3), ALL)))
        await until(lambda: office.engine.waiting_rows == 3)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert office.engine.waiting_rows == 0
        watched.release()
        await office.answered(first)
        assert watched.sizes == [1]
