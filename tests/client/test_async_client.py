import asyncio
import socket

import numpy as np
import pyarrow as pa
import pytest
from highway_client import (
    AsyncClient,
    Client,
    OutOfTimeError,
    Predictions,
    ServerError,
    UnreachableError,
)
from numpy.typing import NDArray

from tests.client.conftest import drop_then_respond, scripted

Image = NDArray[np.uint8]


def test_concurrent_calls_give_the_same_as_single_ones(url: str, seven: Image) -> None:
    async def call() -> list[Predictions]:
        async with AsyncClient(url) as client:
            calls = (client.predict(seven, gate_units=True) for _ in range(20))
            return await asyncio.gather(*calls)

    with Client(url) as client:
        single = client.predict(seven)
    for result in asyncio.run(call()):
        assert result.labels == single.labels
        np.testing.assert_allclose(result.gates, single.gates, atol=1e-6)


def test_a_model_is_described(table_url: str) -> None:
    async def call() -> tuple[str, ...]:
        async with AsyncClient(table_url) as client:
            return (await client.model()).labels

    assert asyncio.run(call()) == ("a", "b", "c")


def test_a_data_frame_is_predicted_and_explained(table_url: str) -> None:
    table = pa.table({"age": [5, 0], "job": ["pilot"] * 2, "member": [None] * 2, "income": [1, 2]})

    async def call() -> tuple[Predictions, str]:
        async with AsyncClient(table_url) as client:
            explanation = await client.explain(table.slice(1, 1))
            return await client.predict(table), explanation.label

    predictions, label = asyncio.run(call())
    assert (predictions.labels, label) == (("a", "b"), "b")


def test_a_flag_on_an_unknown_request_is_an_error(ledger_url: str) -> None:
    async def call() -> tuple[str, ...]:
        async with AsyncClient(ledger_url) as client:
            return await client.flag("no-such", tag="wrong")

    with pytest.raises(ServerError):
        asyncio.run(call())


def test_the_ledger_is_read_as_by_the_other_client(ledger_url: str, seven: Image) -> None:
    async def call() -> None:
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

    asyncio.run(asyncio.wait_for(call(), 30))


async def predict(url: str, timeout_seconds: float = 30.0) -> Predictions:
    async with AsyncClient(url, timeout_seconds=timeout_seconds, retries=1) as client:
        return await client.predict([[1]])


def test_a_lost_connection_is_retried() -> None:
    with scripted(drop_then_respond) as url:
        assert asyncio.run(predict(url)).labels == ("dog",)


def test_an_unreachable_server_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(UnreachableError, match="no connection: "):
        asyncio.run(predict(f"http://127.0.0.1:{port}"))


def test_a_silent_server_ends_in_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(OutOfTimeError):
            asyncio.run(predict(address, timeout_seconds=0.2))
