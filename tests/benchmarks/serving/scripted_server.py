"""A small server that sends scripted responses to any request."""

import asyncio
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REJECTED = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class ScriptedProtocol(asyncio.Protocol):
    """Sends the next of the responses to any data; an empty one closes the connection."""

    transport: asyncio.Transport

    def __init__(self, responses: Iterator[bytes], delay: float) -> None:
        self.responses = responses
        self.delay = delay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, _request: bytes) -> None:
        asyncio.get_running_loop().call_later(self.delay, self.respond, next(self.responses))

    def respond(self, respond: bytes) -> None:
        self.transport.write(respond)
        if not respond or respond == CLOSING:
            self.transport.close()


@contextmanager
def scripted_server(*responses: bytes, delay: float = 0) -> Iterator[int]:
    """Run a server that sends the responses in turn, `delay` seconds late; gives its port."""
    loop = asyncio.new_event_loop()
    turns = itertools.cycle(responses)
    listening = loop.create_server(lambda: ScriptedProtocol(turns, delay), "127.0.0.1", 0)
    server = loop.run_until_complete(listening)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(asyncio.sleep(0.01))  # the driver's connections close
        loop.close()
