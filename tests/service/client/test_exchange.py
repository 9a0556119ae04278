import time
from email.utils import formatdate

import pytest

from service.client.errors import (
    BusyError,
    ClientError,
    DeadlineError,
    OutOfTimeError,
    ServerError,
    UnreachableError,
)
from service.client.exchange import Limit, Lost, Outcome, Request, exchange, pause_seconds
from tests.service.client.conftest import played, reply

REQUEST = Request(method="GET", path="/v2/models")
GONE = Lost(sentence="http://x: gone", timed_out=False)
SLOW = Lost(sentence="http://x: slow", timed_out=True)
FULL = reply({"error": "queue: full"}, 429)


def limit(retries: int = 3, seconds: float = 30) -> Limit:
    return Limit(retries=retries, until=time.monotonic() + seconds)


def test_a_good_reply_ends_the_exchange() -> None:
    tries, found = played(exchange(REQUEST, limit()), reply("fine"))
    assert found.content == b'"fine"'
    assert [(t.request, t.after_seconds) for t in tries] == [(REQUEST, 0)]
    assert 29 < tries[0].timeout_seconds <= 30


@pytest.mark.parametrize("outcome", [FULL, reply({"error": "not ready"}, 503), GONE])
def test_a_busy_server_and_a_lost_connection_are_tried_again(outcome: Outcome) -> None:
    tries, found = played(exchange(REQUEST, limit()), outcome, reply("fine"))
    assert found.status == 200
    assert 0.05 <= tries[1].after_seconds <= 0.1


def test_pauses_double() -> None:
    tries, _ = played(exchange(REQUEST, limit()), GONE, GONE, GONE, reply("fine"))
    first, second, third = (t.after_seconds for t in tries[1:])
    assert 0.05 <= first <= 0.1 <= second <= 0.2 <= third <= 0.4


def test_no_pause_grows_beyond_five_seconds() -> None:
    assert 2.5 <= pause_seconds(GONE, failures=50) <= 5


def test_the_pause_is_what_the_server_asks_for_and_a_little_more() -> None:
    assert 7.05 <= pause_seconds(reply({}, 429, {"Retry-After": "7"}), failures=1) <= 7.1


def test_the_server_may_ask_for_a_date() -> None:
    date = formatdate(time.time() + 60, usegmt=True)
    assert 58 < pause_seconds(reply({}, 503, {"Retry-After": date}), failures=1) < 61


@pytest.mark.parametrize("text", ["soon", "-5", "", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_date_that_passed_or_is_none_asks_for_nothing(text: str) -> None:
    assert pause_seconds(reply({}, 503, {"Retry-After": text}), failures=1) <= 0.1


def fails_with(kind: type[ClientError], *outcomes: Outcome, limit: Limit) -> str:
    with pytest.raises(kind) as caught:
        played(exchange(REQUEST, limit), *outcomes)
    return str(caught.value)


def test_retries_are_counted() -> None:
    sentence = fails_with(BusyError, FULL, FULL, FULL, limit=limit(retries=2))
    assert sentence == "the server answered 429: queue: full"
    assert fails_with(UnreachableError, GONE, limit=limit(retries=0)) == "http://x: gone"


def test_nobody_waits_for_what_would_come_too_late() -> None:
    later = reply({"error": "queue: full"}, 429, {"Retry-After": "2"})
    fails_with(BusyError, later, limit=limit(seconds=1))


def test_time_that_is_used_up_is_not_tried_again() -> None:
    assert fails_with(OutOfTimeError, SLOW, limit=limit()) == "http://x: slow"


def test_a_call_without_time_left_asks_nothing_more() -> None:
    assert fails_with(OutOfTimeError, limit=limit(seconds=-1)) == (
        "timeout_seconds: expected an answer before they passed, found none yet"
    )


def test_a_refusal_is_not_tried_again() -> None:
    refusal = reply({"error": "model: expected another"}, 404)
    with pytest.raises(ServerError) as caught:
        played(exchange(REQUEST, limit()), refusal)
    assert (caught.value.status, caught.value.sentence) == (404, "model: expected another")
    assert type(caught.value) is ServerError


def test_a_deadline_that_passed_is_not_tried_again() -> None:
    late = reply({"error": "deadline: passed"}, 504)
    assert fails_with(DeadlineError, late, limit=limit()) == (
        "the server answered 504: deadline: passed"
    )


@pytest.mark.parametrize("content", [b"<html>", b'{"detail": []}', b"\xff", b""])
def test_an_error_of_something_else_is_told_so(content: bytes) -> None:
    assert fails_with(ServerError, reply(content, 502), limit=limit()) == (
        "the server answered 502: it gave no reason that this client can read; is the URL that of "
        "a model server?"
    )
