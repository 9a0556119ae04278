"""Pages in a browser: their origins, preflights and the headers of responses."""

from collections.abc import Iterator

import pytest

from service.classifier import Classifier
from service.errors import OriginError
from service.http.cors import Origins
from tests.service.conftest import Recipe, application
from tests.service.http.transport import (
    BOTH_PATHS,
    INFER,
    JSON,
    ROW,
    Connection,
    Send,
    label,
    listening,
    over_socket,
    request,
)

PAGE = "https://app.example.com"
PREFLIGHT = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
FOREIGN = {"Origin": "https://evil.example"}
ERROR = (
    "Origin: expected this server's own or an allowed one; add the page's origin to "
    "HIGHWAY_CORS_ORIGINS"
)


@pytest.fixture(scope="module")
def port_with_origin() -> Iterator[int]:
    with listening(application(Classifier(Recipe().build()), cors_origins=PAGE)) as port:
        yield port


@pytest.fixture
def send(port_with_origin: int) -> Send:
    return over_socket(port_with_origin)


@BOTH_PATHS
def test_a_page_of_an_allowed_origin_reads_every_response(send: Send, path: str) -> None:
    for body, status in ((ROW, 200), (b"{}", 400)):
        response = send("POST", path, body, {**JSON, "Origin": PAGE})
        assert response.status == status
        assert response.headers["access-control-allow-origin"] == PAGE
        assert "retry-after" in response.headers["access-control-expose-headers"]
        assert response.headers["vary"] == "origin"
        assert response.headers["access-control-allow-credentials"] is None


@BOTH_PATHS
def test_other_responses_have_no_cors_headers(send: Send, port: int, path: str) -> None:
    response = send("POST", path, ROW)
    assert response.status == 200
    assert response.headers["access-control-allow-origin"] is None
    response = send("GET", "/v2", b"", FOREIGN)  # a browser does not show it to the page
    assert response.status == 200
    assert response.headers["access-control-allow-origin"] is None
    assert response.headers["vary"] == "origin"
    response = over_socket(port)("POST", path, ROW)  # without CORS
    assert response.status == 200
    assert response.headers["vary"] is None


def test_pipelined_responses_have_the_headers_of_their_own_request(port_with_origin: int) -> None:
    origins: list[dict[str, str]] = [{}, {"Origin": PAGE}, {}]
    packet = b"".join(
        request(path=path, headers={**JSON, **more})
        for more in origins
        for path in ("/predict", "/predict?asgi")
    )
    with Connection(port_with_origin) as connection:
        connection.send(packet)
        responses = [connection.receive() for _ in range(6)]
    allowed = [response.headers["access-control-allow-origin"] for response in responses]
    assert allowed == [None, None, PAGE, PAGE, None, None]


@pytest.mark.parametrize("path", ["/predict", INFER, "/requests", "/never"])
def test_a_preflight_of_an_allowed_origin_is_answered(send: Send, path: str) -> None:
    response = send("OPTIONS", path, b"", PREFLIGHT)
    assert (response.status, response.body) == (204, b"")
    assert response.headers["access-control-allow-origin"] == PAGE
    assert response.headers["access-control-allow-methods"] == "DELETE, GET, HEAD, POST"
    assert "authorization" in response.headers["access-control-allow-headers"]
    assert response.headers["access-control-max-age"] == "600"


def test_a_preflight_of_another_origin_is_refused(send: Send, port: int) -> None:
    for sender in (send, over_socket(port)):  # with and without CORS
        response = sender("OPTIONS", "/predict", b"", {**PREFLIGHT, **FOREIGN})
        assert (response.status, response.error) == (403, ERROR)
        assert response.headers["access-control-allow-origin"] is None


def test_options_without_an_origin_is_no_preflight(send: Send) -> None:
    assert send("OPTIONS", "/predict").status == 405


@pytest.mark.parametrize(
    "page",
    [
        FOREIGN,
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/predict", INFER, "/v2/repository/index"])
def test_a_post_of_a_page_of_another_origin_is_refused(
    port: int, page: dict[str, str], path: str
) -> None:
    response = over_socket(port)("POST", path, ROW, {**JSON, **page})
    assert (response.status, response.error) == (403, ERROR)


@pytest.mark.parametrize(
    "page",
    [
        {"Origin": "http://localhost"},
        {"Origin": "https://localhost"},  # a proxy speaks TLS
        {"Origin": "https://models.example.com", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_a_post_of_the_servers_own_page_is_accepted(port: int, page: dict[str, str]) -> None:
    assert label(over_socket(port)("POST", "/predict", ROW, {**JSON, **page})) == "a"


def test_any_origin_may_be_allowed() -> None:
    origins = Origins("*")
    headers = {b"origin": b"null"}
    origins.check(b"POST", headers)
    assert origins.response_headers(headers)[0] == (b"access-control-allow-origin", b"*")
    assert origins.response_headers({}) == ((b"vary", b"origin"),)
    with pytest.raises(OriginError):
        Origins(None).check(b"POST", headers)
