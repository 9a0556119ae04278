import math
import time

from benchmarks.overload.probe import Probe
from tests.benchmarks.serving.scripted_server import OK, REJECTED, scripted_server

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"


def probe_of(*samples: tuple[float, float, int]) -> Probe:
    probe = Probe(0, REQUEST)
    probe.samples += samples
    return probe


def test_a_probe_sends_until_it_is_stopped() -> None:
    with scripted_server(OK, REJECTED) as port, Probe(port, REQUEST) as probe:
        time.sleep(0.2)
    assert {status for _, _, status in probe.samples} == {200, 429}
    assert all(0 < latency < 5 for _, latency, _ in probe.samples)


def test_a_server_that_does_not_accept_has_the_status_0() -> None:
    with scripted_server(OK) as port:
        pass
    with Probe(port, REQUEST) as probe:
        time.sleep(0.05)
    assert {status for _, _, status in probe.samples} == {0}


def test_the_slowest_request_is_that_of_the_given_time() -> None:
    probe = probe_of((1.0, 0.5, 200), (2.0, 0.1, 200), (3.0, 0.2, 200), (4.0, 0.9, 200))
    assert probe.slowest(2.0, 3.5) == 0.2


def test_a_failure_is_infinitely_slow_and_no_request_has_no_time() -> None:
    assert probe_of((1.0, 0.1, 500)).slowest(0, 2) == math.inf
    assert math.isnan(probe_of().slowest(0, 2))


def test_a_server_has_recovered_with_the_first_fast_success() -> None:
    probe = probe_of((1.0, 0.01, 200), (2.5, 0.5, 200), (3.5, 0.01, 429), (4.0, 0.05, 200))
    assert probe.recovered(2.0, 0.1) == 4.05 - 2.0
    assert probe.recovered(5.0, 0.1) == math.inf
