import socket
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from service.client import (
    ArgumentError,
    BusyError,
    Client,
    DeadlineError,
    OutOfTimeError,
    ServerError,
    UnreachableError,
)
from service.client.scales import GateScale
from tests.conftest import ROOT
from tests.service.client.conftest import answer_next, drop_then_answer, scripted
from tests.service.test_server import serving

Image = NDArray[np.uint8]


def test_an_image_gives_label_probabilities_and_gates(url: str, seven: Image) -> None:
    with Client(url) as client:
        found = client.predict(seven)
    assert (found.model_name, found.model_version, found.labels) == ("digits", "1", ("7",))
    assert found.probabilities.shape == (1, 10)
    assert found.probabilities[0, 7] == pytest.approx(0.99999595)
    assert found.gates[0, :3] == pytest.approx([0.63689053, 0.7870432, 0.30878723], abs=1e-5)
    assert found.layers == tuple(f"highway {number}" for number in range(1, 9))
    assert found.unusual[0] == pytest.approx([0.7868117, 0.71030927, 0.8566762], abs=1e-3)


def test_the_servers_own_account_of_the_time_comes_along(url: str, seven: Image) -> None:
    with Client(url) as client:
        found = client.predict(seven)
    assert {"queue", "run"} <= set(found.timing_ms)
    assert all(0 <= milliseconds < 5000 for milliseconds in found.timing_ms.values())
    assert found.request_id


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
    np.testing.assert_allclose(first.unusual, second.unusual, rtol=1e-3)
    assert first.layers == second.layers


def test_gate_units_are_what_the_mean_gates_are_means_of(url: str, seven: Image) -> None:
    with Client(url) as client:
        found = client.predict(seven, gate_units=True)
    assert found.gate_units is not None
    assert [units.shape for units in found.gate_units] == [(1, 16)] * 8
    means = [units.mean() for units in found.gate_units]
    np.testing.assert_allclose(means, found.gates[0], atol=1e-6)


def test_gate_scale_closes_layers(url: str, seven: Image) -> None:
    with Client(url) as client:
        usual = client.predict(seven).probabilities
        ones = client.predict(seven, gate_scale=np.ones(8)).probabilities
        closed = client.predict(seven, gate_scale=np.zeros((1, 8))).probabilities
    np.testing.assert_array_equal(usual, ones)
    assert np.abs(usual - closed).max() > 0.01


def test_gate_scale_closes_the_same_layers_by_place_and_by_name(url: str, seven: Image) -> None:
    by_place = np.ones((2, 8))
    by_place[0, 0], by_place[1, 3] = 0, 0.5
    by_name: list[dict[str, float]] = [{"highway 1": 0}, {"highway 4": 0.5}]
    scales: list[GateScale] = [by_place, by_name]
    rows = np.repeat(seven, 2, axis=0)
    with Client(url) as client:
        found = [
            client.predict(form, gate_scale=scale).probabilities
            for form in (rows, rows.tolist())
            for scale in scales
        ]
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], atol=1e-6)


def test_a_scale_that_the_server_refuses_is_told_in_its_words(url: str, seven: Image) -> None:
    with Client(url) as client, pytest.raises(ServerError) as caught:
        client.predict(seven.tolist(), gate_scale={"highway 9": 0})
    assert caught.value.status == 400
    assert "expected names of layers" in caught.value.sentence


def test_an_explanation_agrees_with_closing_layers_oneself(url: str, seven: Image) -> None:
    with Client(url) as client:
        found = client.explain(seven[0], gate_units=True)
        closed = client.predict(np.repeat(seven, 8, axis=0), gate_scale=1 - np.eye(8))
    assert (found.label, found.layers) == ("7", closed.layers)
    assert found.closed_labels == closed.labels
    np.testing.assert_allclose(found.closed_probabilities, closed.probabilities[:, 7], atol=1e-5)
    np.testing.assert_allclose(
        found.changes, found.closed_probabilities - found.probability, atol=1e-6
    )
    assert found.gate_units is not None
    means = [units.mean() for units in found.gate_units]
    np.testing.assert_allclose(means, found.gates, atol=1e-6)


def test_an_explanation_takes_a_row_by_column_name(table_url: str) -> None:
    person = {"age": 5, "job": "teacher", "member": True, "income": None}
    with Client(table_url, model="tiny", version="1") as client:
        found = client.explain(person)
    assert (found.label, found.layers) == ("a", ("highway 1", "highway 2"))


def test_a_frame_holds_what_the_arrays_do(url: str, seven: Image) -> None:
    with Client(url) as client:
        found = client.predict(seven)
    np.testing.assert_array_equal(found.frame()[list(found.layers)].to_numpy(), found.gates)


def test_rows_by_column_name_are_predicted(table_url: str) -> None:
    person = {"age": 5, "job": "teacher", "member": True, "income": None}
    with Client(table_url) as client:
        found = client.predict([person, person | {"age": 0}])
    assert found.labels == ("a", "b")  # scores of (age, job's index, member)
    e = np.exp([5, 1, 1])
    assert found.probabilities[0] == pytest.approx(e / e.sum(), rel=1e-5)
    assert found.gates.shape == (2, 2)


def test_rows_by_column_name_are_predicted_by_a_named_model(table_url: str) -> None:
    person = {"age": 5, "job": "teacher", "member": True, "income": None}
    for version in (None, "1"):
        with Client(table_url, model="tiny", version=version) as client:
            assert client.predict([person]).labels == ("a",)


def test_a_named_version_is_asked(url: str, seven: Image) -> None:
    with Client(url, model="digits", version="1") as client:
        assert client.predict(seven).labels == ("7",)


def test_a_model_says_what_it_reads(table_url: str) -> None:
    with Client(table_url) as client:
        model = client.model()
    assert (model.name, model.labels) == ("tiny", ("a", "b", "c"))
    assert [column.name for column in model.input.columns] == ["age", "job", "member", "income"]
    assert [layer.width for layer in model.layers] == [2, 2]


def test_what_the_server_refuses_is_told_in_its_words(url: str) -> None:
    with Client(url) as client, pytest.raises(ServerError, match="784") as caught:
        client.predict(np.zeros((1, 3)))
    assert caught.value.status == 400


def test_an_unknown_model_is_told(url: str, seven: Image) -> None:
    with Client(url, model="nobody") as client, pytest.raises(ServerError) as caught:
        client.predict(seven)
    assert caught.value.status == 404


def test_a_deadline_that_passed_is_told(url: str, seven: Image) -> None:
    rows = np.repeat(seven, 256, axis=0)
    with Client(url, deadline_ms=1) as client, ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(client.predict, rows) for _ in range(16)]
    errors = [call.exception() for call in calls]
    assert any(isinstance(error, DeadlineError) for error in errors)


def test_a_full_queue_is_told_or_waited_for(seven: Image) -> None:
    rows = np.repeat(seven, 64, axis=0)
    bundled = ROOT / "service" / "bundled" / "digits.onnx"
    with serving(bundled, HIGHWAY_MAX_ROWS="64", HIGHWAY_QUEUE_ROWS="64") as (_, port):
        url = f"http://127.0.0.1:{port}"
        for retries in (0, 10):
            with Client(url, retries=retries) as client, ThreadPoolExecutor(8) as threads:
                calls = [threads.submit(client.predict, rows) for _ in range(16)]
            busy = [isinstance(call.exception(), BusyError) for call in calls]
            assert any(busy) == (retries == 0)


def test_threads_share_a_client(url: str, seven: Image) -> None:
    with Client(url) as client, ThreadPoolExecutor(8) as threads:
        found = list(threads.map(client.predict, [seven] * 40))
    assert {answer.labels for answer in found} == {("7",)}


def test_a_second_call_uses_the_first_ones_connection() -> None:
    with scripted(partial(answer_next, times=2)) as url, Client(url) as client:
        client.predict([[1]])
        client.predict([[1]])


def test_a_lost_connection_is_tried_again() -> None:
    with scripted(drop_then_answer) as url, Client(url) as client:
        assert client.predict([[1]]).labels == ("dog",)


def test_no_server_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Client(f"http://127.0.0.1:{port}", retries=1) as client:
        with pytest.raises(UnreachableError) as caught:
            client.predict([[1]])
        assert str(caught.value) == (
            f"http://127.0.0.1:{port}: expected a server that answers, found: Connection refused; "
            "is it running there?"
        )


def test_a_silent_server_is_waited_for_no_longer_than_asked() -> None:
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Client(address, timeout_seconds=0.2) as client, pytest.raises(OutOfTimeError):
            client.predict([[1]])
    assert 0.2 <= time.monotonic() - began < 1


def test_a_wrong_address_is_told_at_once() -> None:
    with pytest.raises(ArgumentError, match="write the scheme and the host"):
        Client("127.0.0.1:8000")
