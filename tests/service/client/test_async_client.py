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


def test_it_asks_of_the_past_what_the_other_client_does(ledger_url: str, seven: Image) -> None:
    async def ask() -> None:
        async with AsyncClient(ledger_url, tags=["awaited"]) as client:
            first = await client.predict(seven)
            assert first.request_id is not None
            while (frame := await client.requests(tag="awaited")).empty:
                await asyncio.sleep(0.1)
            assert frame.id.tolist() == [first.request_id]
            (recorded,) = await client.request(first.request_id)
            assert recorded.label == "7"
            again = await client.predict_again(first.request_id, gate_scale=np.zeros(8))
            assert np.abs(again.probabilities - first.probabilities).max() > 0.01
            explained = await client.explain(seven[0])
            explained_again = await client.explain_again(first.request_id)
            assert explained_again.closed_labels == explained.closed_labels
            assert (await client.drift())["models"][0]["name"] == "digits"

    asyncio.run(asyncio.wait_for(ask(), 30))


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
