"""The load generator, against small servers with scripted responses."""

import pytest

from benchmarks.overload.load import Stream, send
from tests.benchmarks.serving.scripted_server import CLOSING, OK, REJECTED, scripted_server

REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"


def test_an_open_loop_sends_at_its_rate_and_counts_every_response() -> None:
    stream = Stream(request=REQUEST, connections=4, rate=400)
    with scripted_server(OK, REJECTED, OK, OK) as port:
        (responses,) = send(port, [stream], 0.5)
    assert len(responses.statuses) == pytest.approx(200, abs=2)
    assert responses.statuses.count(429) == pytest.approx(50, abs=2)
    assert responses.unanswered == 0
    assert sorted(responses.ended) == responses.ended


def test_latency_counts_from_the_scheduled_time_if_no_connection_is_free() -> None:
    stream = Stream(request=REQUEST, connections=1, rate=100)
    with scripted_server(OK, delay=0.05) as port:
        (responses,) = send(port, [stream], 0.3)
    assert min(responses.latencies) >= 0.05
    assert max(responses.latencies) >= 0.5  # 30 requests of 50 ms, sent in 300 ms


def test_a_closed_loop_sends_after_each_response() -> None:
    stream = Stream(request=REQUEST, connections=2)
    with scripted_server(OK, delay=0.05) as port:
        (responses,) = send(port, [stream], 0.5)
    assert 4 <= len(responses.statuses) <= 22
    assert responses.unanswered == 0


def test_a_request_on_a_closed_connection_is_lost_and_the_next_has_a_new_one() -> None:
    stream = Stream(request=REQUEST, connections=1, rate=100)
    with scripted_server(OK, b"") as port:
        (responses,) = send(port, [stream], 0.3)
    assert responses.statuses.count(0) >= 10
    assert responses.statuses.count(200) >= 10


def test_a_server_may_close_after_each_response() -> None:
    stream = Stream(request=REQUEST, connections=1, rate=100)
    with scripted_server(CLOSING) as port:
        (responses,) = send(port, [stream], 0.3)
    assert responses.statuses.count(200) >= 25


def test_streams_come_from_their_addresses_and_are_counted_apart() -> None:
    streams = [
        Stream(request=REQUEST, connections=1, rate=100),
        Stream(request=REQUEST, connections=1, rate=20, address="127.0.0.2"),
    ]
    with scripted_server(OK) as port:
        first, second = send(port, streams, 0.5)
    assert len(first.statuses) == pytest.approx(50, abs=2)
    assert len(second.statuses) == pytest.approx(10, abs=2)
