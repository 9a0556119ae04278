"""HTTP as it is on the wire: whole and in pieces, in a row and at once, and what is none."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import pytest

from service.classifier import Classifier
from tests.service.conftest import application
from tests.service.http.talk import (
    BOTH,
    INFER,
    JSON,
    ROW,
    Connection,
    Held,
    label,
    listening,
    request,
)

NO_HTTP = "request: expected HTTP/1.1, found something else"
OFFER = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAA"}
CHUNKED = {**JSON, "Transfer-Encoding": "chunked"}


def test_a_connection_serves_many_requests(port: int) -> None:
    with Connection(port) as connection:
        for _ in range(3):
            answer = connection.send(request()).reply()
            assert label(answer) == "a"
            assert answer.headers["connection"] is None
            assert answer.headers["date"].endswith("GMT")
            assert answer.headers["server"] is None


def test_pipelined_requests_are_answered_in_their_order(port: int) -> None:
    rows = [b'{"instances": [[%d, %d, %d, 0]]}' % row for row in ((5, 0, 0), (0, 5, 0), (0, 0, 5))]
    with Connection(port) as connection:
        connection.send(
            request(body=rows[0])
            + request("GET", "/v2/health/live", b"", {})
            + request(body=rows[1])
            + request(path="/predict?asgi", body=rows[2])
            + request(body=b"{}")
        )
        assert label(connection.reply()) == "a"
        assert connection.reply().json() == {"live": True, "ready": True}
        assert [label(connection.reply()) for _ in range(2)] == ["b", "c"]
        assert connection.reply().status == 400


def test_many_pipelined_requests_are_all_answered(port: int) -> None:
    with Connection(port) as connection:
        connection.send(request() * 200)
        assert {label(connection.reply()) for _ in range(200)} == {"a"}


@BOTH
def test_http_1_0_is_answered_and_closed(port: int, path: str) -> None:
    with Connection(port) as connection:
        answer = connection.send(request(path=path, version="1.0")).reply()
        assert label(answer) == "a"
        assert answer.headers["connection"] == "close"
        assert connection.rest() == b""


@BOTH
def test_who_waits_to_be_told_to_continue_is_told(port: int, path: str) -> None:
    with Connection(port) as connection:
        headers = {**JSON, "Expect": "100-continue", "Content-Length": str(len(ROW))}
        connection.send(request(path=path, body=b"", headers=headers))
        assert connection.reply().status == 100
        assert label(connection.send(ROW).reply()) == "a"


def test_a_path_and_a_request_line_of_another_form_lead_to_the_same_door(port: int) -> None:
    with Connection(port) as connection:
        for path in ("/predict?x=1", "/%70redict", "http://highway/predict"):
            assert label(connection.send(request(path=path)).reply()) == "a"


def test_a_client_that_offers_http_2_is_answered_over_http_1(port: int) -> None:
    with Connection(port) as connection:
        assert label(connection.send(request(headers={**JSON, **OFFER})).reply()) == "a"


@BOTH
@pytest.mark.parametrize("size", [1, 40, 10_000])
def test_an_offer_of_http_2_may_come_in_pieces_and_more_requests_after_it(
    port: int, path: str, size: int
) -> None:
    content = request(path=path, headers={**JSON, **OFFER}) + request("GET", "/v2", b"", OFFER)
    with Connection(port) as connection:
        connection.send(*[content[i : i + size] for i in range(0, len(content), size)])
        assert label(connection.reply()) == "a"
        assert connection.reply().json()["name"] == "highway-networks"
        assert label(connection.send(request()).reply()) == "a"


def test_the_answer_to_head_has_no_body(port: int) -> None:
    with Connection(port) as connection:
        answer = connection.send(request("HEAD", "/predict", b"", {})).reply(body=False)
        assert (answer.status, answer.headers["allow"]) == (405, "POST")
        assert label(connection.send(request()).reply()) == "a"


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",  # TLS
        b"hello\r\n\r\n",
        b"POST /predict HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT highway:80 HTTP/1.1\r\n\r\n",
        b"POST /pr\xe9dict HTTP/1.1\r\n\r\n",
        request(headers={**JSON, "Content-Length": "9" * 5000}),
        request(headers={**JSON, "Content-Length": "-1"}),
        request(headers={**JSON, "Content-Length": "+29"}),
        request(headers={**JSON, "Content-Length": "29, 30"}),
        request(headers={**CHUNKED, "Content-Length": "29"}),
        request(headers={**JSON, "Transfer-Encoding": "xchunked"}),
        request(headers={**JSON, "Transfer-Encoding ": "chunked"}),
        request(headers=CHUNKED, body=b"F" * 17 + b"\r\n"),
        request(headers=CHUNKED, body=b"1d\r\n" + ROW + b"xx"),
        request(headers={**JSON, "X-Header": "a\0b"}),
        request(headers={**JSON, "X-Header": "a\rb"}),
        b"POST /predict HTTP/1.1\nHost: highway\n\n",
    ],
)
def test_what_is_no_http_gets_400_and_the_next_client_its_answer(port: int, sent: bytes) -> None:
    with Connection(port) as connection:
        answer = connection.send(sent).reply()
        assert (answer.status, answer.error) == (400, NO_HTTP)
        assert answer.headers["connection"] == "close"
        assert connection.rest() == b""
    with Connection(port) as connection:
        assert label(connection.send(request()).reply()) == "a"


def test_an_idle_connection_is_closed_but_not_one_in_use(classifier: Classifier) -> None:
    with (
        listening(application(classifier), timeout_keep_alive=0.2) as port,
        Connection(port) as connection,
    ):
        began = time.monotonic()
        for _ in range(3):
            assert label(connection.send(request()).reply()) == "a"
            time.sleep(0.12)
        assert connection.rest() == b""
        assert 0.36 < time.monotonic() - began < 2


def test_a_slow_answer_is_not_cut_off_as_idle(held: Held) -> None:
    with (
        listening(application(held), timeout_keep_alive=0.05) as port,
        Connection(port) as connection,
    ):
        assert label(connection.send(request()).reply()) == "a"  # sets the timer
        held.hold()
        connection.send(request())
        time.sleep(0.12)
        held.free.set()
        assert label(connection.reply()) == "a"


def test_a_client_that_does_not_read_its_answers_gets_them_when_it_does(port: int) -> None:
    count = 60
    long = "x" * 200_000  # what waits for the client is more than the system keeps for it
    tensor = '{"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [1, 0, 0, 0]}'
    body = f'{{"id": "{long}", "inputs": [{tensor}]}}'.encode()
    with Connection(port) as connection:
        writer = Thread(target=connection.send, args=[request(path=INFER, body=body)] * count)
        writer.start()
        time.sleep(0.1)
        assert {connection.reply().json()["id"] for _ in range(count)} == {long}
        writer.join()


def test_sixteen_clients_at_once_each_get_their_own_answer(port: int) -> None:
    def ask(number: int) -> list[float]:
        body = b'{"instances": [[%d, 0, 0, 0]]}' % number
        with Connection(port) as connection:
            replies = [connection.send(request(body=body)).reply() for _ in range(10)]
        return [reply.json()["predictions"][0]["gate_mean"][0] for reply in replies]

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(-8, 8)))
    assert all(len(set(own)) == 1 for own in answers)
    assert [own[0] for own in answers] == sorted({own[0] for own in answers})
