"""A small server that answers as it is told, whatever is asked."""

import asyncio
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REFUSED = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Answering(asyncio.Protocol):
    """Answers whatever comes by the next of the answers; an empty one closes the connection."""

    transport: asyncio.Transport

    def __init__(self, answers: Iterator[bytes], delay: float) -> None:
        self.answers = answers
        self.delay = delay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, _request: bytes) -> None:
        asyncio.get_running_loop().call_later(self.delay, self.answer, next(self.answers))

    def answer(self, answer: bytes) -> None:
        self.transport.write(answer)
        if not answer or answer == CLOSING:
            self.transport.close()


@contextmanager
def answering(*answers: bytes, delay: float = 0) -> Iterator[int]:
    """Run a server whose answers come in turn, `delay` seconds late; gives its port."""
    loop = asyncio.new_event_loop()
    turns = itertools.cycle(answers)
    listening = loop.create_server(lambda: Answering(turns, delay), "127.0.0.1", 0)
    server = loop.run_until_complete(listening)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(asyncio.sleep(0.01))  # connections that the driver left close
        loop.close()
