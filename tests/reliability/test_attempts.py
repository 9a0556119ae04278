import time

from tests.reliability.attempts import Attempts, attempting
from tests.reliability.connection import Response, encode_request, get
from tests.reliability.scripted_server import serving

MESSAGE = encode_request("GET", "/", headers={})


def is_ok(response: Response) -> str | None:
    return None if response.body == b"ok" else "not ok"


def attempts_with(answers: int, *, kept: int, fresh: int, answer: bytes | None = None) -> Attempts:
    with (
        serving(answers, *([answer] if answer else [])) as port,
        attempting(port, MESSAGE, is_ok, kept=kept, fresh=fresh, timeout=2) as attempts,
    ):
        time.sleep(0.3)
    return attempts


def test_every_request_after_the_last_answer_on_a_connection_is_lost_once() -> None:
    made = attempts_with(3, kept=1, fresh=0).made
    assert [one.outcome for one in made[:8]] == [
        *(["right"] * 3),
        "lost: receive: closed",
        *(["right"] * 3),
        "lost: receive: closed",
    ]
    assert all(one.sent for one in made)


def test_a_client_with_new_connections_loses_nothing_where_one_request_is_answered() -> None:
    attempts = attempts_with(1, kept=0, fresh=2)
    assert len(attempts.made) > 2
    assert attempts.lost == []
    assert not any(one.kept for one in attempts.made)


def test_a_refused_connection_is_a_lost_request_that_was_not_sent() -> None:
    with serving(1) as port:
        pass
    with attempting(port, MESSAGE, is_ok, kept=1, fresh=0) as attempts:
        time.sleep(0.05)
    assert {one.outcome for one in attempts.made} == {"lost: connect: ConnectionRefusedError"}
    assert not any(one.sent for one in attempts.made)
    assert attempts.describe().startswith(f"{len(attempts.made)} requests, 0 wrong, ")


def test_another_answer_is_wrong() -> None:
    attempts = attempts_with(
        5, kept=1, fresh=0, answer=b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx"
    )
    assert attempts.wrong[0].outcome == "wrong: not ok"


def test_clients_that_heed_readiness_stop_after_it_fails() -> None:
    unready = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\nok"
    with (
        serving(100, unready) as port,
        attempting(port, MESSAGE, is_ok, kept=1, fresh=0, heeds_readiness=True) as attempts,
    ):
        time.sleep(0.6)
        count = len(attempts.made)
        time.sleep(0.1)
    assert attempts.not_ready is not None
    assert len(attempts.made) == count
    assert attempts.begun_after(attempts.not_ready + 0.3).made == []


def test_a_chunked_answer_is_read_to_its_end() -> None:
    chunked = (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n3\r\nabc\r\n0\r\n\r\n"
    )
    with serving(1, chunked) as port:
        assert get(port, "/").body == b"okabc"
