import time
from email.utils import formatdate

import pytest
from highway_client.attempts import Limit, Lost, Outcome, Request, pause_seconds, send
from highway_client.errors import (
    BusyError,
    ClientError,
    DeadlineError,
    OutOfTimeError,
    ServerError,
    UnreachableError,
)

from tests.client.conftest import response, run_steps

REQUEST = Request(method="GET", path="/v2/models")
GONE = Lost(reason="http://x: gone", timed_out=False)
SLOW = Lost(reason="http://x: slow", timed_out=True)
FULL = response({"error": "queue: full"}, 429)


def limit(retries: int = 3, seconds: float = 30) -> Limit:
    return Limit(retries=retries, until=time.monotonic() + seconds)


def test_a_response_of_status_200_is_returned() -> None:
    attempts, result = run_steps(send(REQUEST, limit()), response("fine"))
    assert result.content == b'"fine"'
    assert [(a.request, a.after_seconds) for a in attempts] == [(REQUEST, 0)]
    assert 29 < attempts[0].timeout_seconds <= 30


@pytest.mark.parametrize("outcome", [FULL, response({"error": "not ready"}, 503), GONE])
def test_a_busy_server_and_a_lost_connection_are_retried(outcome: Outcome) -> None:
    attempts, result = run_steps(send(REQUEST, limit()), outcome, response("fine"))
    assert result.status == 200
    assert 0.05 <= attempts[1].after_seconds <= 0.1


def test_pauses_double() -> None:
    attempts, _ = run_steps(send(REQUEST, limit()), GONE, GONE, GONE, response("fine"))
    first, second, third = (a.after_seconds for a in attempts[1:])
    assert 0.05 <= first <= 0.1 <= second <= 0.2 <= third <= 0.4


def test_no_pause_is_longer_than_five_seconds() -> None:
    assert 2.5 <= pause_seconds(GONE, failures=50) <= 5


def test_the_pause_is_retry_after_and_a_random_time() -> None:
    assert 7.05 <= pause_seconds(response({}, 429, {"Retry-After": "7"}), failures=1) <= 7.1


def test_retry_after_may_be_a_date() -> None:
    date = formatdate(time.time() + 60, usegmt=True)
    assert 58 < pause_seconds(response({}, 503, {"Retry-After": date}), failures=1) < 61


@pytest.mark.parametrize("text", ["soon", "-5", "", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_past_date_or_another_text_adds_no_pause(text: str) -> None:
    assert pause_seconds(response({}, 503, {"Retry-After": text}), failures=1) <= 0.1


def fails_with(kind: type[ClientError], *outcomes: Outcome, limit: Limit) -> str:
    with pytest.raises(kind) as caught:
        run_steps(send(REQUEST, limit), *outcomes)
    return str(caught.value)


def test_retries_are_limited() -> None:
    reason = fails_with(BusyError, FULL, FULL, FULL, limit=limit(retries=2))
    assert reason == "the server responded 429: queue: full"
    assert fails_with(UnreachableError, GONE, limit=limit(retries=0)) == "http://x: gone"


def test_a_pause_beyond_the_timeout_ends_the_call() -> None:
    later = response({"error": "queue: full"}, 429, {"Retry-After": "2"})
    fails_with(BusyError, later, limit=limit(seconds=1))


def test_a_timeout_is_not_retried() -> None:
    assert fails_with(OutOfTimeError, SLOW, limit=limit()) == "http://x: slow"


def test_a_call_without_time_left_sends_nothing() -> None:
    assert fails_with(OutOfTimeError, limit=limit(seconds=-1)) == (
        "timeout_seconds: no response within this time; set a larger value"
    )


def test_a_refusal_is_not_retried() -> None:
    refusal = response({"error": "model: expected another"}, 404)
    with pytest.raises(ServerError) as caught:
        run_steps(send(REQUEST, limit()), refusal)
    assert (caught.value.status, caught.value.reason) == (404, "model: expected another")
    assert type(caught.value) is ServerError


def test_a_passed_deadline_is_not_retried() -> None:
    late = response({"error": "deadline: passed"}, 504)
    assert fails_with(DeadlineError, late, limit=limit()) == (
        "the server responded 504: deadline: passed"
    )


@pytest.mark.parametrize("content", [b"<html>", b'{"detail": []}', b"\xff", b""])
def test_an_error_of_another_server_is_reported(content: bytes) -> None:
    assert fails_with(ServerError, response(content, 502), limit=limit()) == (
        "the server responded 502: no readable error message; check that the URL is that of a "
        "model server"
    )
