"""The client reads the ledger of a real server."""

import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from highway_client import Client, Predictions, ServerError
from numpy.typing import NDArray

Image = NDArray[np.uint8]

COLUMNS = {
    "id",
    "row",
    "label",
    "probabilities",
    "gate_mean",
    "typicality_combined",
    "tags",
    "weight",
}


def recorded(client: Client, images: Image, tag: str) -> tuple[str, Predictions]:
    """Predict, wait until the ledger has the rows, and return the request's id and predictions."""
    predictions = client.predict(images, tags=[tag])
    until = time.monotonic() + 10
    while len(client.requests(tag=tag)) < len(images):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert predictions.request_id is not None
    return predictions.request_id, predictions


def test_recorded_rows_are_a_frame_with_arrays(ledger_url: str, seven: Image) -> None:
    with Client(ledger_url, tags=["mine"]) as client:
        name, predictions = recorded(client, np.concatenate([seven, 255 - seven]), "frame")
        frame = client.requests(tag="frame").sort_values("row").reset_index(drop=True)
    assert set(frame.columns) >= COLUMNS
    assert frame.id.tolist() == [name] * 2
    assert frame.label.tolist() == list(predictions.labels)
    assert [set(tags) for tags in frame.tags] == [{"mine", "frame"}] * 2
    np.testing.assert_array_equal(np.stack(frame.gate_mean), predictions.gates)
    np.testing.assert_array_equal(np.stack(frame.probabilities), predictions.probabilities)


def test_filters_select_recorded_rows(ledger_url: str, seven: Image) -> None:
    with Client(ledger_url) as client:
        _, predictions = recorded(client, np.concatenate([seven, 255 - seven]), "filters")
        combined = predictions.typicality[:, 2]
        assert combined.min() < 0.01 < combined.max()
        atypical = client.requests(tag="filters", typicality_below=0.01)
        assert atypical.row.tolist() == [combined.argmin()]
        soon, earlier = datetime.now(UTC) + timedelta(hours=1), "2026-01-01"
        assert client.requests(tag="filters", since=soon).empty
        assert len(client.requests(tag="filters", since=earlier, until=soon)) == 2
        assert len(client.requests(tag="filters", model="digits", version="1")) == 2
        assert client.requests(label="no digit").empty


def test_one_request_has_all_details(ledger_url: str, seven: Image) -> None:
    with Client(ledger_url) as client:
        name, predictions = recorded(client, seven, "one")
        (row,) = client.request(name)
    assert (row.id, row.row, row.rows, row.label, row.input_stored) == (name, 0, 1, "7", True)
    assert row.layers == predictions.layers
    np.testing.assert_array_equal(row.gates, predictions.gates[0])
    np.testing.assert_array_equal(row.probabilities, predictions.probabilities[0])


def test_a_recorded_row_is_predicted_again_with_a_gate_scale(ledger_url: str, seven: Image) -> None:
    with Client(ledger_url) as client:
        name, predictions = recorded(client, np.concatenate([255 - seven, seven]), "again")
        again = client.predict_again(name, row=1)
        np.testing.assert_allclose(again.probabilities, predictions.probabilities[1:], atol=1e-6)
        expected = client.predict(seven, gate_scale={"highway 1": 0}).probabilities
        for scale in ({"highway 1": 0}, [0, *[1] * 7], [[0, *[1] * 7]]):
            closed = client.predict_again(name, row=1, gate_scale=scale)
            np.testing.assert_allclose(closed.probabilities, expected, atol=1e-6)
            assert closed.layers == predictions.layers


def test_a_recorded_row_is_explained_again(ledger_url: str, seven: Image) -> None:
    with Client(ledger_url) as client:
        name, _ = recorded(client, np.concatenate([255 - seven, seven]), "why")
        again = client.explain_again(name, row=1, gate_units=True)
        first = client.explain(seven[0])
    assert again.closed_labels == first.closed_labels
    np.testing.assert_allclose(again.probability_changes, first.probability_changes, atol=1e-5)
    assert again.counterfactual == first.counterfactual
    assert again.gate_units is not None


def test_a_flagged_row_is_found_until_the_flag_is_removed(ledger_url: str, seven: Image) -> None:
    with Client(ledger_url) as client:
        request_id = client.predict(seven, tags=["mine"]).request_id
        assert request_id is not None
        assert client.flag(request_id, tag="wrong") == ("mine", "wrong")
        assert list(client.requests(tag="wrong").id) == [request_id]
        assert client.unflag(request_id, tag="wrong") == ("mine",)
        assert client.requests(tag="wrong").empty


def test_drift_is_reported_for_every_model(ledger_url: str) -> None:
    with Client(ledger_url) as client:
        drift = client.drift()
    (model,) = drift["models"]
    assert (model["name"], model["drifting"]) == ("digits", False)


@pytest.mark.parametrize("name", ["unknown-1", "a/b", "%2e%2e"])
def test_an_unknown_request_is_an_error(ledger_url: str, name: str) -> None:
    with Client(ledger_url) as client:
        for call in (client.request, client.predict_again, client.explain_again, client.flag):
            with pytest.raises(ServerError) as caught:
                call(name)
            assert caught.value.status in (404, 405)  # 405: servers of before 0.2 have no flags


def test_an_invalid_filter_is_an_error(ledger_url: str) -> None:
    with (
        Client(ledger_url) as client,
        pytest.raises(ServerError, match="typicality_below") as caught,
    ):
        client.requests(typicality_below=2)
    assert caught.value.status == 400


def test_a_server_without_a_ledger_is_an_error(url: str) -> None:
    with Client(url) as client, pytest.raises(ServerError, match="ledger"):
        client.requests()
