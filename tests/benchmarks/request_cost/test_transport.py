import asyncio

import pytest

from benchmarks.request_cost.transport import MemoryTransport


class Receiver(asyncio.Protocol):
    def __init__(self, *, pauses: bool = False) -> None:
        self.received: list[bytes] = []
        self.lost = 0
        self._pauses = pauses

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received.append(data)
        if self._pauses:
            self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost += 1


def test_a_request_is_received_in_its_parts() -> None:
    receiver = Receiver()
    transport = MemoryTransport(receiver, lambda _: None)
    transport.deliver([b"one", b"two"])
    transport.close()
    assert receiver.received == [b"one", b"two"]


def test_a_response_is_passed_on() -> None:
    responses: list[bytes] = []
    transport = MemoryTransport(Receiver(), responses.append)
    transport.write(b"response")
    transport.close()
    assert responses == [b"response"]
    assert transport.get_write_buffer_size() == 0


def test_nothing_is_delivered_while_the_protocol_does_not_read() -> None:
    async def deliver() -> list[list[bytes]]:
        receiver = Receiver(pauses=True)
        transport = MemoryTransport(receiver, lambda _: None)
        transport.deliver([b"one", b"two"])
        found = [list(receiver.received)]
        transport.resume_reading()
        await asyncio.sleep(0)
        transport.close()
        return [*found, receiver.received]

    assert asyncio.run(deliver()) == [[b"one"], [b"one", b"two"]]


@pytest.mark.parametrize("name", ["close", "abort"])
def test_a_closed_connection_is_lost_once(name: str) -> None:
    receiver = Receiver()
    transport = MemoryTransport(receiver, lambda _: None)
    assert not transport.is_closing()
    getattr(transport, name)()
    transport.close()
    assert transport.is_closing()
    assert receiver.lost == 1
    assert not transport.can_write_eof()
