"""The client asks a real server of what it recorded."""

import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from service.client import Client, Predictions, ServerError

Image = NDArray[np.uint8]

COLUMNS = {"id", "row", "label", "probabilities", "gate_mean", "unusual_both", "tags", "weight"}


def recorded(client: Client, images: Image, tag: str) -> tuple[str, Predictions]:
    """Ask, and wait until the ledger has it; gives the request's id and the answer."""
    answer = client.predict(images, tags=[tag])
    until = time.monotonic() + 10
    while len(client.requests(tag=tag)) < len(images):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert answer.request_id is not None
    return answer.request_id, answer


def test_recorded_rows_come_as_a_frame_with_arrays(ledger_url: str, seven: Image) -> None:
    with Client(ledger_url, tags=["mine"]) as client:
        name, answer = recorded(client, np.concatenate([seven, 255 - seven]), "frame")
        frame = client.requests(tag="frame").sort_values("row").reset_index(drop=True)
    assert set(frame.columns) >= COLUMNS
    assert frame.id.tolist() == [name] * 2
    assert frame.label.tolist() == list(answer.labels)
    assert [set(tags) for tags in frame.tags] == [{"mine", "frame"}] * 2
    np.testing.assert_array_equal(np.stack(frame.gate_mean), answer.gates)
    np.testing.assert_array_equal(np.stack(frame.probabilities), answer.probabilities)


def test_filters_choose_among_what_was_recorded(ledger_url: str, seven: Image) -> None:
    with Client(ledger_url) as client:
        _, answer = recorded(client, np.concatenate([seven, 255 - seven]), "filters")
        both = answer.unusual[:, 2]
        assert both.min() < 0.01 < both.max()
        strange = client.requests(tag="filters", unusual_below=0.01)
        assert strange.row.tolist() == [both.argmin()]
        soon, earlier = datetime.now(UTC) + timedelta(hours=1), "2026-01-01"
        assert client.requests(tag="filters", since=soon).empty
        assert len(client.requests(tag="filters", since=earlier, until=soon)) == 2
        assert len(client.requests(tag="filters", model="digits", version="1")) == 2
        assert client.requests(label="no digit").empty


def test_one_request_comes_with_everything(ledger_url: str, seven: Image) -> None:
    with Client(ledger_url) as client:
        name, answer = recorded(client, seven, "one")
        (row,) = client.request(name)
    assert (row.id, row.row, row.rows, row.label, row.input_stored) == (name, 0, 1, "7", True)
    assert row.layers == answer.layers
    np.testing.assert_array_equal(row.gates, answer.gates[0])
    np.testing.assert_array_equal(row.probabilities, answer.probabilities[0])


def test_a_recorded_row_is_asked_about_again_with_other_gates(
    ledger_url: str, seven: Image
) -> None:
    with Client(ledger_url) as client:
        name, answer = recorded(client, np.concatenate([255 - seven, seven]), "again")
        again = client.predict_again(name, row=1)
        np.testing.assert_allclose(again.probabilities, answer.probabilities[1:], atol=1e-6)
        expected = client.predict(seven, gate_scale={"highway 1": 0}).probabilities
        for scale in ({"highway 1": 0}, [0, *[1] * 7], [[0, *[1] * 7]]):
            closed = client.predict_again(name, row=1, gate_scale=scale)
            np.testing.assert_allclose(closed.probabilities, expected, atol=1e-6)
            assert closed.layers == answer.layers


def test_a_recorded_row_is_explained_again(ledger_url: str, seven: Image) -> None:
    with Client(ledger_url) as client:
        name, _ = recorded(client, np.concatenate([255 - seven, seven]), "why")
        again = client.explain_again(name, row=1, gate_units=True)
        first = client.explain(seven[0])
    assert again.closed_labels == first.closed_labels
    np.testing.assert_allclose(again.changes, first.changes, atol=1e-5)
    assert again.smallest_set == first.smallest_set
    assert again.gate_units is not None


def test_drift_is_told_for_every_model(ledger_url: str) -> None:
    with Client(ledger_url) as client:
        told = client.drift()
    (model,) = told["models"]
    assert (model["name"], model["drifting"]) == ("digits", False)


@pytest.mark.parametrize("name", ["nobody-1", "a/b", "%2e%2e"])
def test_an_unknown_request_is_told(ledger_url: str, name: str) -> None:
    with Client(ledger_url) as client:
        for ask in (client.request, client.predict_again, client.explain_again):
            with pytest.raises(ServerError) as caught:
                ask(name)
            assert caught.value.status == 404


def test_a_filter_that_makes_no_sense_is_told(ledger_url: str) -> None:
    with Client(ledger_url) as client, pytest.raises(ServerError, match="unusual_below") as caught:
        client.requests(unusual_below=2)
    assert caught.value.status == 400


def test_a_server_without_a_ledger_says_so(url: str) -> None:
    with Client(url) as client, pytest.raises(ServerError, match="expected one, found it off"):
        client.requests()
