"""The driver, against small servers that answer as they are told."""

import numpy as np

from benchmarks.serving.open_loop import send
from tests.benchmarks.serving.answering import CLOSING, OK, REFUSED, answering

REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"


def test_every_request_is_answered_and_counted_by_its_status() -> None:
    with answering(OK, REFUSED, OK, OK) as port:
        answers = send(port, REQUEST, np.arange(200) / 2000)
    assert {status: len(found) for status, found in answers.latencies.items()} == {
        200: 150,
        429: 50,
    }
    assert len(answers.lateness) == 200
    assert answers.seconds >= 199 / 2000


def test_latency_counts_from_the_scheduled_time_and_a_slow_answer_delays_no_other() -> None:
    with answering(OK, delay=0.1) as port:
        answers = send(port, REQUEST, np.arange(100) / 1000)
    assert min(answers.latencies[200]) >= 0.1
    assert answers.seconds < 1  # one after the other they would take 10


def test_a_request_whose_connection_is_closed_on_it_has_no_answer() -> None:
    with answering(OK, b"") as port:
        answers = send(port, REQUEST, np.arange(100) / 1000)
    assert len(answers.latencies[200]) == 50
    assert answers.seconds < 1  # nothing is waited for


def test_a_server_that_closes_after_each_answer_gets_new_connections() -> None:
    with answering(CLOSING) as port:
        answers = send(port, REQUEST, np.arange(100) / 1000)
    assert len(answers.latencies[200]) == 100
