"""A question to the engine for who waits for its answer in a coroutine."""

import asyncio

from service.inference.engine import Engine
from service.inference.question import Outputs, Question, Ticket


async def answer(engine: Engine, question: Question) -> Outputs:
    """Return the outputs of a question; its error is raised, and a wait that ends gives it up."""
    future: asyncio.Future[Ticket] = asyncio.get_running_loop().create_future()

    def done(ticket: Ticket) -> None:
        if not future.done():
            future.set_result(ticket)

    ticket = engine.submit(question, done)
    try:
        await future
    except asyncio.CancelledError:
        engine.give_up(ticket)
        raise
    if ticket.error is not None:
        raise ticket.error
    assert ticket.outputs is not None
    return ticket.outputs
