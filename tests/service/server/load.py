"""Load generator that records the outcome of every request."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

BODY = b'{"instances": [[1, 0, 0, 0]]}'
REQUEST = (
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)


class Answer(NamedTuple):
    """A response: its status, its JSON, and whether the server closes the connection."""

    status: int
    content: Any
    closes: bool


@dataclass
class Load:
    """The outcomes of the requests that were sent; a refused connection sends none."""

    answers: list[Answer] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    refused: int = 0
    stop: bool = False


@asynccontextmanager
async def under_load(port: int, *, clients: int = 8) -> AsyncIterator[Load]:
    """Send requests one after the other on each of several connections until the block ends."""
    load = Load()
    tasks = [asyncio.create_task(_send(port, load, fresh=i % 2 == 0)) for i in range(clients)]
    try:
        yield load
    finally:
        load.stop = True
        await asyncio.gather(*tasks)


async def _send(port: int, load: Load, *, fresh: bool) -> None:
    """Send requests on one connection, or on a `fresh` one for each."""
    while not load.stop:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            load.refused += 1
            await asyncio.sleep(0.02)
            continue
        try:
            while not load.stop:
                writer.write(REQUEST)
                answer = await read_answer(reader)
                load.answers.append(answer)
                if answer.closes or fresh:
                    break
        except (OSError, asyncio.IncompleteReadError) as error:
            load.lost.append(repr(error))
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """Read one response."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    status, *lines = head.splitlines()
    headers = dict(line.split(": ", 1) for line in lines if line)
    body = await reader.readexactly(int(headers["content-length"]))
    closes = headers.get("connection") == "close"
    return Answer(int(status.split()[1]), json.loads(body), closes)
