import asyncio
import socket

import numpy as np
import pytest
from numpy.typing import NDArray

from service.client import AsyncClient, Client, OutOfTimeError, Predictions, UnreachableError
from tests.service.client.conftest import drop_then_answer, scripted

Image = NDArray[np.uint8]


def test_many_calls_at_once_give_what_single_ones_do(url: str, seven: Image) -> None:
    async def ask() -> list[Predictions]:
        async with AsyncClient(url) as client:
            calls = (client.predict(seven, gate_units=True) for _ in range(20))
            return await asyncio.gather(*calls)

    with Client(url) as client:
        single = client.predict(seven)
    for found in asyncio.run(ask()):
        assert found.labels == single.labels
        np.testing.assert_allclose(found.gates, single.gates, atol=1e-6)


def test_a_model_says_what_it_is(table_url: str) -> None:
    async def ask() -> tuple[str, ...]:
        async with AsyncClient(table_url) as client:
            return (await client.model()).labels

    assert asyncio.run(ask()) == ("a", "b", "c")


async def predict(url: str, timeout_seconds: float = 30.0) -> Predictions:
    async with AsyncClient(url, timeout_seconds=timeout_seconds, retries=1) as client:
        return await client.predict([[1]])


def test_a_lost_connection_is_tried_again() -> None:
    with scripted(drop_then_answer) as url:
        assert asyncio.run(predict(url)).labels == ("dog",)


def test_no_server_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(UnreachableError, match="expected a server that answers, found: "):
        asyncio.run(predict(f"http://127.0.0.1:{port}"))


def test_a_silent_server_is_waited_for_no_longer_than_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(OutOfTimeError):
            asyncio.run(predict(address, timeout_seconds=0.2))
