import socket
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from highway_client import (
    ArgumentError,
    BusyError,
    Client,
    DeadlineError,
    OutOfTimeError,
    ServerError,
    UnreachableError,
)
from highway_client.gate_scale import GateScale
from numpy.typing import NDArray

from tests.client.conftest import drop_then_respond, respond, scripted
from tests.conftest import ROOT
from tests.service.serving import serving

Image = NDArray[np.uint8]


def test_an_image_gives_label_probabilities_and_gates(url: str, seven: Image) -> None:
    with Client(url) as client:
        result = client.predict(seven)
    assert (result.model_name, result.model_version, result.labels) == ("digits", "1", ("7",))
    assert result.probabilities.shape == (1, 10)
    assert result.probabilities[0, 7] == pytest.approx(0.99999595)
    assert result.gates[0, :3] == pytest.approx([0.63689053, 0.7870432, 0.30878723], abs=1e-5)
    assert result.layers == tuple(f"highway {number}" for number in range(1, 9))
    assert result.typicality[0] == pytest.approx([0.7868134, 0.7240175, 0.8566787], abs=1e-3)


def test_the_servers_timings_are_returned(url: str, seven: Image) -> None:
    with Client(url) as client:
        result = client.predict(seven)
    assert {"queue", "compute"} <= set(result.timing_ms)
    assert all(0 <= milliseconds < 5000 for milliseconds in result.timing_ms.values())
    assert result.request_id


def test_json_and_bytes_give_the_same(url: str, seven: Image) -> None:
    rows = np.concatenate([seven, 255 - seven])
    with Client(url) as by_bytes, Client(url, binary=False) as by_json:
        first, second = by_bytes.predict(rows), by_json.predict(rows)
    np.testing.assert_array_equal(first.probabilities, second.probabilities)
    np.testing.assert_array_equal(first.gates, second.gates)


def test_a_list_of_rows_gives_the_same_as_an_array(url: str, seven: Image) -> None:
    with Client(url) as client:
        first, second = client.predict(seven), client.predict(seven.tolist())
    assert second.labels == ("7",)
    np.testing.assert_allclose(first.probabilities, second.probabilities, atol=1e-6)
    np.testing.assert_allclose(first.gates, second.gates, atol=1e-6)
    np.testing.assert_allclose(first.typicality, second.typicality, rtol=1e-3)
    assert first.layers == second.layers


def test_the_mean_gates_are_the_means_of_the_gate_units(url: str, seven: Image) -> None:
    with Client(url) as client:
        result = client.predict(seven, gate_units=True)
    assert result.gate_units is not None
    assert [units.shape for units in result.gate_units] == [(1, 16)] * 8
    means = [units.mean() for units in result.gate_units]
    np.testing.assert_allclose(means, result.gates[0], atol=1e-6)


def test_gate_scale_closes_layers(url: str, seven: Image) -> None:
    with Client(url) as client:
        usual = client.predict(seven).probabilities
        ones = client.predict(seven, gate_scale=np.ones(8)).probabilities
        closed = client.predict(seven, gate_scale=np.zeros((1, 8))).probabilities
    np.testing.assert_array_equal(usual, ones)
    assert np.abs(usual - closed).max() > 0.01


def test_gate_scale_closes_the_same_layers_by_index_and_by_name(url: str, seven: Image) -> None:
    by_index = np.ones((2, 8))
    by_index[0, 0], by_index[1, 3] = 0, 0.5
    by_name: list[dict[str, float]] = [{"highway 1": 0}, {"highway 4": 0.5}]
    scales: list[GateScale] = [by_index, by_name]
    rows = np.repeat(seven, 2, axis=0)
    with Client(url) as client:
        result = [
            client.predict(form, gate_scale=scale).probabilities
            for form in (rows, rows.tolist())
            for scale in scales
        ]
    for other in result[1:]:
        np.testing.assert_allclose(other, result[0], atol=1e-6)


def test_a_scale_that_the_server_rejects_is_an_error_with_its_message(
    url: str, seven: Image
) -> None:
    with Client(url) as client, pytest.raises(ServerError) as caught:
        client.predict(seven.tolist(), gate_scale={"highway 9": 0})
    assert caught.value.status == 400
    assert "expected names of layers" in caught.value.reason


def test_an_explanation_agrees_with_closing_layers_one_by_one(url: str, seven: Image) -> None:
    with Client(url) as client:
        result = client.explain(seven[0], gate_units=True)
        closed = client.predict(np.repeat(seven, 8, axis=0), gate_scale=1 - np.eye(8))
    assert (result.label, result.layers) == ("7", closed.layers)
    assert result.closed_labels == closed.labels
    np.testing.assert_allclose(result.closed_probabilities, closed.probabilities[:, 7], atol=1e-5)
    np.testing.assert_allclose(
        result.probability_changes, result.closed_probabilities - result.probability, atol=1e-6
    )
    assert result.gate_units is not None
    means = [units.mean() for units in result.gate_units]
    np.testing.assert_allclose(means, result.gates, atol=1e-6)


def test_an_explanation_takes_a_row_by_column_name(table_url: str) -> None:
    person = {"age": 5, "job": "teacher", "member": True, "income": None}
    with Client(table_url, model="tiny", version="1") as client:
        result = client.explain(person)
    assert (result.label, result.layers) == ("a", ("highway 1", "highway 2"))


def test_a_frame_has_the_values_of_the_arrays(url: str, seven: Image) -> None:
    with Client(url) as client:
        result = client.predict(seven)
    np.testing.assert_array_equal(result.frame()[list(result.layers)].to_numpy(), result.gates)


def test_rows_by_column_name_are_predicted(table_url: str) -> None:
    person = {"age": 5, "job": "teacher", "member": True, "income": None}
    with Client(table_url) as client:
        result = client.predict([person, person | {"age": 0}])
    assert result.labels == ("a", "b")  # scores of (age, job's index, member)
    e = np.exp([5, 1, 1])
    assert result.probabilities[0] == pytest.approx(e / e.sum(), rel=1e-5)
    assert result.gates.shape == (2, 2)


def test_rows_by_column_name_are_predicted_by_a_named_model(table_url: str) -> None:
    person = {"age": 5, "job": "teacher", "member": True, "income": None}
    for version in (None, "1"):
        with Client(table_url, model="tiny", version=version) as client:
            assert client.predict([person]).labels == ("a",)


def test_a_named_version_predicts(url: str, seven: Image) -> None:
    with Client(url, model="digits", version="1") as client:
        assert client.predict(seven).labels == ("7",)


def test_a_model_describes_its_input(table_url: str) -> None:
    with Client(table_url) as client:
        model = client.model()
    assert (model.name, model.labels) == ("tiny", ("a", "b", "c"))
    assert [column.name for column in model.input.columns] == ["age", "job", "member", "income"]
    assert [layer.width for layer in model.layers] == [2, 2]


def test_a_rejected_request_is_an_error_with_the_servers_message(url: str) -> None:
    with Client(url) as client, pytest.raises(ServerError, match="784") as caught:
        client.predict(np.zeros((1, 3)))
    assert caught.value.status == 400


def test_an_unknown_model_is_an_error(url: str, seven: Image) -> None:
    with Client(url, model="unknown") as client, pytest.raises(ServerError) as caught:
        client.predict(seven)
    assert caught.value.status == 404


def test_a_passed_deadline_is_an_error(url: str, seven: Image) -> None:
    rows = np.repeat(seven, 256, axis=0)
    with Client(url, deadline_ms=1) as client, ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(client.predict, rows) for _ in range(16)]
    errors = [call.exception() for call in calls]
    assert any(isinstance(error, DeadlineError) for error in errors)


def test_a_full_queue_is_retried_or_an_error(seven: Image) -> None:
    rows = np.repeat(seven, 64, axis=0)
    bundled = ROOT / "service" / "bundled" / "digits.onnx"
    with serving(bundled, HIGHWAY_MAX_ROWS="64", HIGHWAY_MAX_QUEUE_ROWS="64") as (_, port):
        url = f"http://127.0.0.1:{port}"
        for retries in (0, 10):
            with Client(url, retries=retries) as client, ThreadPoolExecutor(8) as threads:
                calls = [threads.submit(client.predict, rows) for _ in range(16)]
            busy = [isinstance(call.exception(), BusyError) for call in calls]
            assert any(busy) == (retries == 0)


def test_threads_share_a_client(url: str, seven: Image) -> None:
    with Client(url) as client, ThreadPoolExecutor(8) as threads:
        result = list(threads.map(client.predict, [seven] * 40))
    assert {predictions.labels for predictions in result} == {("7",)}


def test_calls_share_a_connection() -> None:
    with scripted(partial(respond, times=2)) as url, Client(url) as client:
        client.predict([[1]])
        client.predict([[1]])


def test_a_lost_connection_is_retried() -> None:
    with scripted(drop_then_respond) as url, Client(url) as client:
        assert client.predict([[1]]).labels == ("dog",)


def test_an_unreachable_server_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Client(f"http://127.0.0.1:{port}", retries=1) as client:
        with pytest.raises(UnreachableError) as caught:
            client.predict([[1]])
        assert str(caught.value) == (
            f"http://127.0.0.1:{port}: no connection: Connection refused; is a server running "
            "there?"
        )


def test_a_silent_server_ends_in_a_timeout() -> None:
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Client(address, timeout_seconds=0.2) as client, pytest.raises(OutOfTimeError):
            client.predict([[1]])
    assert 0.2 <= time.monotonic() - began < 1


def test_a_wrong_url_is_an_error_at_once() -> None:
    with pytest.raises(ArgumentError, match="write the scheme and the host"):
        Client("127.0.0.1:8000")


PEOPLE = pd.DataFrame(
    {
        "job": pd.Categorical(["teacher", "pilot", None]),
        "income": [None, 1, 2],
        "member": [True, False, None],
        "age": [5, 0, 0.5],
    },
    index=["ann", "bob", "cy"],
)


def test_a_data_frame_gives_the_same_as_its_rows(table_url: str) -> None:
    with Client(table_url) as client:
        result = client.predict(PEOPLE)
        as_objects = client.predict(PEOPLE.to_dict("records"))
    assert result.labels == as_objects.labels == ("a", "b", "a")
    np.testing.assert_array_equal(result.probabilities, as_objects.probabilities)
    assert result.frame().index.tolist() == ["ann", "bob", "cy"]


def test_a_large_data_frame_is_sent_in_several_requests(table_url: str) -> None:
    with Client(table_url) as client:
        result = client.predict(pd.concat([PEOPLE] * 500), tags=["large"])
    assert result.labels == ("a", "b", "a") * 500
    assert len(set(result.request_ids)) == 2
    assert len(result.frame()) == 1500


def test_a_row_of_a_data_frame_is_explained(table_url: str) -> None:
    with Client(table_url) as client:
        for number, row in enumerate(client.predict(PEOPLE).labels):
            assert client.explain(PEOPLE.iloc[number]).label == row


def test_a_table_of_arrow_is_predicted(table_url: str) -> None:
    table = pa.Table.from_pandas(PEOPLE, preserve_index=False)
    with Client(table_url) as client:
        assert client.predict(table).labels == ("a", "b", "a")
