"""The driver, against small servers with scripted responses."""

import numpy as np

from benchmarks.serving.open_loop import send
from tests.benchmarks.serving.scripted_server import CLOSING, OK, REJECTED, scripted_server

REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"


def test_every_response_is_counted_by_its_status() -> None:
    with scripted_server(OK, REJECTED, OK, OK) as port:
        responses = send(port, REQUEST, np.arange(200) / 2000)
    assert {status: len(actual) for status, actual in responses.latencies.items()} == {
        200: 150,
        429: 50,
    }
    assert len(responses.lateness) == 200
    assert responses.seconds >= 199 / 2000


def test_latency_counts_from_the_scheduled_time_and_a_slow_response_delays_no_other() -> None:
    with scripted_server(OK, delay=0.1) as port:
        responses = send(port, REQUEST, np.arange(100) / 1000)
    assert min(responses.latencies[200]) >= 0.1
    assert responses.seconds < 1  # sequential requests would take 10


def test_a_request_on_a_closed_connection_gets_no_response() -> None:
    with scripted_server(OK, b"") as port:
        responses = send(port, REQUEST, np.arange(100) / 1000)
    assert len(responses.latencies[200]) == 50
    assert responses.seconds < 1  # nothing is waited for


def test_a_server_that_closes_after_each_response_gets_new_connections() -> None:
    with scripted_server(CLOSING) as port:
        responses = send(port, REQUEST, np.arange(100) / 1000)
    assert len(responses.latencies[200]) == 100
