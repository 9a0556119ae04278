"""What a connection keeps of the requests that it has received."""

import asyncio
import gc
from pathlib import Path

import uvloop

from benchmarks.request_cost.server import started
from benchmarks.request_cost.transport import MemoryTransport
from service.http.protocol import PARSED_BYTES
from tests.service.conftest import METADATA, Recipe

PATH = f"/v2/models/{METADATA.name}/infer"
LONG = b'{"inputs": "%b"}' % (b"x" * 4 * PARSED_BYTES)  # arrives in one piece; it is rejected


def test_an_idle_connection_keeps_no_byte_of_its_last_request(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(Recipe().build())

    async def largest_kept() -> list[int]:
        async with started(file) as server:
            responses: list[bytes] = []
            protocol = server.connection()
            transport = MemoryTransport(protocol, responses.append)
            head = (
                f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(LONG)}\r\n\r\n"
            )
            kept = []
            for count in (1, 2):  # with a new head, and with the kept one
                transport.deliver([head.encode() + LONG])
                async with asyncio.timeout(10):
                    while len(responses) < count:
                        await asyncio.sleep(0.001)
                assert responses[-1].startswith(b"HTTP/1.1 400 ")
                gc.collect()
                kept.append(max(map(_size, _reachable(protocol))))
            return kept

    assert max(uvloop.run(largest_kept())) < PARSED_BYTES


def _reachable(root: object) -> list[object]:
    """Return the attributes of a connection, and those of its parts."""
    found: list[object] = []
    parts = [root]
    for _ in range(4):
        values = [value for part in parts for value in vars(part).values()]
        found += values
        parts = [
            value
            for value in values
            if type(value).__module__.startswith("service.http") and hasattr(value, "__dict__")
        ]
    return found


def _size(value: object) -> int:
    """Return the number of bytes that an object keeps alive, of bytes and views of bytes."""
    if isinstance(value, memoryview):
        return memoryview(value.obj).nbytes
    return len(value) if isinstance(value, bytes | bytearray) else 0
