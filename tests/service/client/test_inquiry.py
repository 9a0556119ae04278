"""What is sent and how answers are read; that they are the server's, `test_client` shows."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from service.client.conversation import Conversation
from service.client.errors import AnswerError
from service.client.inquiry import Filters, Inquiry
from service.client.options import Options
from tests.service.client.conftest import (
    EXPLAIN_ANSWER,
    INSTANCES_ANSWER,
    MODEL,
    played,
    reply,
)
from tests.service.client.test_records import ROW

NONE: dict[str, Any] = dict.fromkeys(
    ("since", "until", "label", "model", "version", "tag", "unusual_below")
)


def inquiry(deadline_ms: int | None = None) -> Inquiry:
    options = Options(
        model=None,
        version=None,
        binary=True,
        timeout_seconds=30,
        retries=3,
        deadline_ms=deadline_ms,
        tags=(),
    )
    return Inquiry(options, Conversation(options))


def test_filters_become_a_query() -> None:
    given = {"since": datetime(2026, 1, 31, 12, tzinfo=UTC), "until": "2026-02-01", "label": "a&b"}
    assert Filters(**{**NONE, **given, "unusual_below": 1e-3}).query() == (
        "since=2026-01-31T12%3A00%3A00%2B00%3A00&until=2026-02-01&label=a%26b&unusual_below=0.001"
    )


def test_without_filters_everything_is_asked_for() -> None:
    assert next(inquiry().requests(Filters(**NONE))).request.path == "/requests.parquet"
    with_tag = Filters(**{**NONE, "tag": "a"})
    assert next(inquiry().requests(with_tag)).request.path == "/requests.parquet?tag=a"


def test_an_answer_that_is_no_table_is_told() -> None:
    with pytest.raises(AnswerError, match="expected a Parquet file"):
        played(inquiry().requests(Filters(**NONE)), reply({}))


def test_a_request_is_asked_for_by_its_id() -> None:
    tries, found = played(inquiry().request("a/b 1"), reply({"rows": [ROW, ROW]}))
    assert (tries[0].request.method, tries[0].request.path) == ("GET", "/requests/a%2Fb%201")
    assert len(found) == 2


@pytest.mark.parametrize("scale", [[0, 1], [[0, 1]], {"highway 1": 0}])
def test_a_recorded_row_is_asked_about_again(scale: Any) -> None:
    steps = inquiry(deadline_ms=5).predict_again("a-1", row=3, gate_scale=scale)
    tries, found = played(steps, reply(INSTANCES_ANSWER), reply(MODEL))
    request = tries[0].request
    assert (request.method, request.path) == ("POST", "/requests/a-1/predict")
    assert request.headers == {"Content-Type": "application/json", "X-Deadline-Ms": "5"}
    member = scale if isinstance(scale, dict) else [0, 1]
    assert json.loads(request.content) == {"row": 3, "gate_scale": member}
    assert found.layers == ("highway 1", "highway 2")


def test_a_recorded_row_is_explained_again() -> None:
    steps = inquiry().explain_again("a-1", row=0, gate_units=True)
    tries, found = played(steps, reply(EXPLAIN_ANSWER))
    assert tries[0].request.path == "/requests/a-1/explain"
    assert json.loads(tries[0].request.content) == {"row": 0, "gate_units": True}
    assert found.label == "dog"


def test_drift_is_told_as_it_comes() -> None:
    tries, found = played(inquiry().drift(), reply({"models": []}))
    assert (tries[0].request.method, tries[0].request.path) == ("GET", "/drift")
    assert found == {"models": []}


@pytest.mark.parametrize("content", [b"[]", b"{"])
def test_drift_that_cannot_be_read_is_told(content: bytes) -> None:
    with pytest.raises(AnswerError) as caught:
        played(inquiry().drift(), reply(content))
    assert str(caught.value) == "answer: expected an object of JSON, found something else"
